"""What leaves the workspace is what is inside: preferences for `datasets`, weights for plain transformers."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from loopback import Loopback
from tiny_paper import ITEMS, write

from psycopref import runs
from psycopref.cli import main
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.sources import published
from psycopref.train import examples, forward, weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished run of the tiny paper in `work`, and everything exported."""
    folder = tmp_path_factory.mktemp("export")
    with Loopback() as server:
        runs.run(str(write(folder, server.url)), folder / "work", Progress(quiet=True))
    for what in ("preferences", "reward", "policy"):
        assert main(["export", what, str(folder / what), "--work", str(folder / "work")]) == 0
    yield folder


def one_step(folder: Path, stage: str, table: str) -> pl.DataFrame:
    taken = next(entry for entry in runs.taken(runs.latest(folder / "work")) if entry["stage"] == stage)
    return pl.read_parquet(folder / "work" / "steps" / taken["step"] / f"{table}.parquet")


def test_preferences_load_with_datasets_as_they_came(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    loaded = datasets.load_dataset(str(made / "preferences"), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 32, "test": 10}
    columns = ["question", "chosen", "rejected", "chosen_model", "rejected_model", *[f"{s}_{i}_rating" for s in ("chosen", "rejected") for i in ITEMS]]
    for name, part in loaded.items():
        given = pl.read_parquet(made / "published" / "data" / f"{name}-*.parquet")
        ours = pl.DataFrame(part.to_list())
        assert ours.columns[:7] == ["ID", "prefID", "question", "chosen", "rejected", "chosen_model", "rejected_model"] and ours["ID"].is_unique().all()
        # a published question may be repaired (white space at its end) on the way in
        stripped = given.select(columns).with_columns(pl.col("question").str.strip_chars())
        assert ours.select(columns).sort("question").equals(stripped.sort("question"))


def test_exported_preferences_train_again(made: Path) -> None:
    again = list(published.read(made / "preferences", {}))
    assert sorted(row.split for row in again) == ["test"] * 10 + ["train"] * 32
    assert all(len(row.answers) == 2 and len(row.pairs) == 1 for row in again)
    card = (made / "preferences" / "README.md").read_text(encoding="utf-8")
    assert "train" in card and "{" not in card.split("---")[2]


def test_reward_folder_scores_the_same_one_by_one_and_padded(made: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(made / "reward").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "reward")
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    speeches, responses = one_step(made, "topics", "speeches"), one_step(made, "collect", "responses")
    texts = dict(speeches.select("speech_id", "text").iter_rows())
    inside = dict(one_step(made, "score", "ratings").select("subject_id", "score").iter_rows())
    chats = [
        tokenizer.apply_chat_template([{"role": "user", "content": texts[row["speech_id"]]}, {"role": "assistant", "content": row["text"]}], tokenize=False)
        for row in responses.iter_rows(named=True)
    ]
    ours = torch.tensor([inside[key] for key in responses["response_id"]])
    with torch.no_grad():
        single = torch.cat([model(**tokenizer(chat, return_tensors="pt", add_special_tokens=False)).logits[:, 0] for chat in chats])
        padded = model(**tokenizer(chats, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False)).logits[:, 0]
    assert torch.allclose(single, ours, atol=1e-5) and torch.allclose(padded, ours, atol=1e-5)


def test_policy_folder_says_the_same(made: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(made / "policy").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "policy")
    loaded = weights.load_policy(made / "policy")
    _, recipe = load_recipe(str(made / "tiny.toml"))
    speeches = one_step(made, "topics", "speeches").head(4)
    chats = [[{"role": "user", "content": text}, {"role": "assistant", "content": "I hear you."}] for text in speeches["text"]]
    for chat in chats:
        prompt = tokenizer.apply_chat_template(chat[:1], add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
        whole = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            logps = torch.log_softmax(model(input_ids=whole).logits[0, :-1], -1).gather(-1, whole[0, 1:, None])[:, 0]
            row = examples.Encoded(prompt[0].tolist(), whole[0, prompt.shape[1] :].tolist())
            assert torch.allclose(forward.logps(loaded.model.eval(), [row])[0], logps[prompt.shape[1] - 1 :].sum(), atol=1e-4)
    drawn = model.generate(**tokenizer("I", return_tensors="pt"), max_new_tokens=40, do_sample=False)
    assert drawn.shape[1] > 1 and recipe.flow == "paper"


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_cards_say_whom_it_is_for(made: Path, what: str) -> None:
    card = (made / what / "README.md").read_text(encoding="utf-8")
    assert "review by a licensed professional, never shown to clients unreviewed" in " ".join(card.split())


def test_export_writes_over_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "reward", str(made / "reward"), "--work", str(made / "work")]) == 1
    assert "is not empty" in capsys.readouterr().err
