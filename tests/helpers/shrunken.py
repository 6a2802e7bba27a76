"""A shipped recipe made small: every stage and loop as it is, but a dozen speeches, every model at
a loopback address, and policies of a few thousand parameters that train for two steps.
"""

import csv
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from helpers.tiny import TINY, build_world
from helpers.tiny_paper import dataset
from psycopref.models.entries import ModelEntry
from psycopref.nets.sampling import Sample
from psycopref.recipes import load_recipe, resolved
from psycopref.settings import Settings
from psycopref.sources import sample as shipped
from psycopref.stages.draft import Draft
from psycopref.stages.respond import Respond
from psycopref.stages.reward import Reward
from psycopref.train.settings import Training

SIZE = TINY.model_copy(update={"positions": 4096})
SMALL = {
    "precision": "fp32",
    "recompute": False,
    "steps": 2,
    "batch_size": 4,
    "dev_every": 0,
    "max_length": 4096,
}


def shrunken(name: str, folder: Path, url: str, **training: Any) -> Path:
    """The recipe as a TOML file in `folder`; `training` are further settings of [training]."""
    _, recipe = load_recipe(name)
    small = _small(recipe, url, str(base(folder / "base", 0)))
    source = recipe.dataset.collect.sources[0]
    path = dataset(folder / "set") if source.name == "published" else counsel_chat(folder / "set")
    sources = (source.model_copy(update={"path": path}),)
    collect = small.dataset.collect.model_copy(update={"sources": sources})
    topics = small.dataset.topics.model_copy(update={"test_share": 0.2})
    if source.name == "published":
        topics = small.dataset.topics
    parts: dict[str, Any] = {"collect": collect, "topics": topics}
    if small.dataset.pair:
        parts["pair"] = small.dataset.pair.model_copy(update={"gap": 0.1})
    values = {
        "rounds": 1,
        "round_speeches": 3,
        "opponent": _apart(small.training.opponent),
        **training,
    }
    small = small.model_copy(
        update={
            "dataset": small.dataset.model_copy(update=parts),
            "training": small.training.model_copy(update=values),
        }
    )
    sizes = {
        size: one.model_copy(update={"base": str(base(folder / f"base-{size}", at + 1))})
        for at, (size, one) in enumerate(small.sizes.items())
    }
    out = folder / f"{name}.toml"
    out.write_text(resolved(small.model_copy(update={"sizes": sizes})), encoding="utf-8")
    return out


def _apart(opponent: Respond) -> Respond:
    """The opponent with names of its own, so that no answer of it is one of the dataset's: whether
    such a one is the longest of its speech (a null opponent), nobody knows before it is written.
    """
    models = [
        one.model_copy(update={"name": f"{one.name} (rival)"}) for one in opponent.pool.models
    ]
    pool = opponent.pool.model_copy(update={"models": tuple(models)})
    return opponent.model_copy(update={"pool": pool})


def _small(value: Any, url: str, folder: str) -> Any:
    """Settings, and all that stands in them, made small."""
    if isinstance(value, ModelEntry):
        return value.model_copy(update={"kind": "openai", "url": url, "key_env": ""})
    if isinstance(value, tuple):
        return tuple(_small(one, url, folder) for one in value)
    if isinstance(value, dict):
        return {key: _small(one, url, folder) for key, one in value.items()}
    if not isinstance(value, Settings):
        return value
    inner = {name: _small(getattr(value, name), url, folder) for name in type(value).model_fields}
    if isinstance(value, Training):
        inner |= SMALL | ({"base": folder} if value.base else {"size": SIZE})
    if isinstance(value, Reward):
        inner["best"] = ""
    if isinstance(value, Draft):
        inner |= {"rows": 64, "max_tokens": 64, "samples": min(value.samples, 3)}
    if "draws" in inner:
        inner["draws"] = 100
    return value.model_copy(update=inner)


def base(folder: Path, seed: int) -> Path:
    """A fresh policy, saved as others save theirs."""
    from psycopref.nets.weights import fresh_policy

    world = build_world()
    texts = [row.text for row in (*world.speeches, *world.responses)]  # type: ignore[attr-defined]
    loaded = fresh_policy(texts, SIZE, seed)
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def counsel_chat(folder: Path, speeches: int = 16) -> Path:
    """Speeches of the sample in the layout of CounselChat."""
    folder.mkdir()
    path = folder / "20200325_counsel_chat.csv"
    columns: tuple[str, ...]
    columns = ("questionID", "questionTitle", "questionText", "questionLink", "topic")
    columns += ("therapistInfo", "therapistURL", "answerText", "upvotes", "views")
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, columns, restval="0")
        rows.writeheader()
        for at, row in enumerate(list(shipped.read(None, {}))[:speeches]):
            said = {"questionID": at, "questionTitle": "", "questionText": row.text, "topic": ""}
            rows.writerow({**said, "answerText": "I hear how heavy this is. " * 4})
    return path


def replies(body: dict[str, Any]) -> str | None:
    """What a judge says of topics and of two answers, so that nothing is asked again; and short
    answers to clients.
    """
    asked = json.dumps([body["model"], body["messages"], body.get("response_format", "")])
    drawn = int(sha256(asked.encode()).hexdigest(), 16)
    if "winner" in asked:
        return json.dumps({"rationale": "so", "winner": ("1", "2", "tie")[drawn % 3]})
    if "topic" in asked and "ratings" not in asked:
        return json.dumps({"topic": "Depression"})
    if "ratings" in asked:
        return None
    return "I hear you. " + " ".join(f"word{drawn % (at + 99)}" for at in range(drawn % 23 + 3))


def written(
    model: Any,
    prompts: list[list[int]],
    names: list[list[str]],
    temperature: float,
    max_tokens: int,
    stops: set[int],
    pad: int,
) -> list[list[Sample]]:
    """In the place of `sampling.sample`: for each name some tokens made of it, always to an end, so
    that every answer that a rehearsal counts on is there.
    """
    return [
        [Sample([40 + byte for byte in sha256(name.encode()).digest()[:12]], True) for name in own]
        for own in names
    ]
