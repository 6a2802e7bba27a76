"""What leaves the workspace is what is inside: preferences for `datasets`, weights for plain
transformers.
"""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from helpers.finished_paper import copied
from helpers.loopback import Loopback
from helpers.small_dataset import built
from helpers.tiny_paper import ITEMS, write

from psycopref.cli.main import main
from psycopref.errors import RecipeError
from psycopref.nets import forward, weights
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.runs import export, run
from psycopref.sources import published
from psycopref.store import run_folder
from psycopref.store.parquet import table
from psycopref.tables import Preference, Rating, Response, Speech, Turn

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, paper_work: Path) -> Path:
    """A folder with a finished run of the tiny paper in `work`, and everything exported."""
    folder = tmp_path_factory.mktemp("export")
    copied(paper_work, folder / "work")
    with Loopback() as server:
        run.run(str(write(folder, server.url)), folder / "work", Progress(quiet=True))
    for what in ("preferences", "reward", "policy"):
        assert main(["export", what, str(folder / what), "--work", str(folder / "work")]) == 0
    return folder


def one_step(folder: Path, stage: str, table: str) -> pl.DataFrame:
    taken = next(
        entry
        for entry in run_folder.taken(run_folder.latest(folder / "work"))
        if entry["stage"] == stage
    )
    return pl.read_parquet(folder / "work" / "steps" / taken["step"] / f"{table}.parquet")


def test_preferences_load_with_datasets_as_they_came(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    loaded = datasets.load_dataset(str(made / "preferences"), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 32, "test": 10}
    columns = [
        "question",
        "chosen",
        "rejected",
        "chosen_model",
        "rejected_model",
        *[f"{s}_{i}_rating" for s in ("chosen", "rejected") for i in ITEMS],
    ]
    for name, part in loaded.items():
        given = pl.read_parquet(made / "published" / "data" / f"{name}-*.parquet")
        ours = pl.DataFrame(part.to_list())
        assert (
            ours.columns[:7]
            == ["ID", "prefID", "question", "chosen", "rejected", "chosen_model", "rejected_model"]
            and ours["ID"].is_unique().all()
        )
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
    speeches, responses = (
        one_step(made, "topics", "speeches"),
        one_step(made, "collect", "responses"),
    )
    texts = dict(speeches.select("speech_id", "text").iter_rows())
    inside = dict(one_step(made, "score", "ratings").select("subject_id", "score").iter_rows())
    chats = [
        tokenizer.apply_chat_template(
            [
                {"role": "user", "content": texts[row["speech_id"]]},
                {"role": "assistant", "content": row["text"]},
            ],
            tokenize=False,
        )
        for row in responses.iter_rows(named=True)
    ]
    ours = torch.tensor([inside[key] for key in responses["response_id"]])
    with torch.no_grad():
        single = torch.cat(
            [
                model(**tokenizer(chat, return_tensors="pt", add_special_tokens=False)).logits[:, 0]
                for chat in chats
            ]
        )
        padded = model(
            **tokenizer(
                chats,
                return_tensors="pt",
                padding=True,
                padding_side="right",
                add_special_tokens=False,
            )
        ).logits[:, 0]
    assert torch.allclose(single, ours, atol=1e-5) and torch.allclose(padded, ours, atol=1e-5)


def test_policy_folder_says_the_same(made: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(made / "policy").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "policy")
    loaded = weights.load_policy(made / "policy")
    _, recipe = load_recipe(str(made / "tiny.toml"))
    speeches = one_step(made, "topics", "speeches").head(4)
    chats = [
        [{"role": "user", "content": text}, {"role": "assistant", "content": "I hear you."}]
        for text in speeches["text"]
    ]
    for chat in chats:
        prompt = tokenizer.apply_chat_template(
            chat[:1], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"]
        whole = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)[
            "input_ids"
        ]
        with torch.no_grad():
            logps = torch.log_softmax(model(input_ids=whole).logits[0, :-1], -1).gather(
                -1, whole[0, 1:, None]
            )[:, 0]
            row = Encoded(prompt[0].tolist(), whole[0, prompt.shape[1] :].tolist())
            assert torch.allclose(
                forward.logps(loaded.model.eval(), [row])[0],
                logps[prompt.shape[1] - 1 :].sum(),
                atol=1e-4,
            )
    drawn = model.generate(
        **tokenizer("I", return_tensors="pt"), max_new_tokens=40, do_sample=False
    )
    assert drawn.shape[1] > 1 and recipe.flow == "paper"


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_cards_say_whom_it_is_for(made: Path, what: str) -> None:
    card = (made / what / "README.md").read_text(encoding="utf-8")
    assert "review by a licensed professional, never shown to clients unreviewed" in " ".join(
        card.split()
    )


def test_export_writes_over_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "reward", str(made / "reward"), "--work", str(made / "work")]) == 1
    assert "is not empty" in capsys.readouterr().err


OWN = """
name = "own"
citation = "after nobody"
low = 0
high = 10
items = [
    { name = "warmth", title = "Warmth", definition = "It is warm." },
    { name = "depth", title = "Depth", definition = "It goes deep." },
]
"""
RATED = """
flow = "dataset"
[dataset.collect]
sources = [{ name = "jsonl", path = "FOLDER/talks.jsonl" }]
[dataset.clean]
low = 1
[dataset.dedup]
threshold = 1.0
[dataset.topics]
labeller = "given"
test_share = 0.4
[dataset.respond]
per_speech = 3
pool = { name = "two", models = [MODELS] }
[dataset.rate]
instrument = "FOLDER/own.toml"
judge = { name = "judge-1", kind = "openai", url = "URL" }
[dataset.pair]
instrument = "FOLDER/own.toml"
gap = GAP
"""


def rated(folder: Path, gap: float = 0.5) -> Path:
    """A workspace with a finished run of conversations rated by an own instrument."""
    turns = [
        {"role": "client", "text": "I cannot sleep."},
        {"role": "counselor", "text": "Since when?"},
    ]
    rows = [
        {"text": f"Since week {n}, and it is worse at night.", "history": turns if n % 2 else []}
        for n in range(16)
    ]
    (folder / "talks.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    (folder / "own.toml").write_text(OWN, encoding="utf-8")
    with Loopback() as server:
        models = ", ".join(
            f'{{ name = "{name}", kind = "openai", url = "{server.url}" }}' for name in "abc"
        )
        text = (
            RATED.replace("FOLDER", str(folder))
            .replace("MODELS", models)
            .replace("URL", server.url)
            .replace("GAP", str(gap))
        )
        (folder / "rated.toml").write_text(text, encoding="utf-8")
        run.run(str(folder / "rated.toml"), folder / "work", Progress())
    return folder / "work"


def test_an_own_instrument_and_the_turns_before_are_exported(tmp_path: Path) -> None:
    work = rated(tmp_path)
    assert main(["export", "preferences", str(tmp_path / "out"), "--work", str(work)]) == 0
    frame = pl.concat(
        [
            pl.read_parquet(tmp_path / "out" / "data" / f"{name}-*.parquet")
            for name in ("train", "test")
        ]
    )
    scores = [
        f"{side}_{item}_rating" for side in ("chosen", "rejected") for item in ("warmth", "depth")
    ]
    assert frame.columns == [
        "ID",
        "prefID",
        "question",
        "chosen",
        "rejected",
        "chosen_model",
        "rejected_model",
        *scores,
        "history",
    ]
    assert all(frame[name].dtype == pl.Int64 and not frame[name].null_count() for name in scores)
    gap = frame.select(pl.sum_horizontal(scores[:2]) - pl.sum_horizontal(scores[2:])).to_series()
    assert frame.height and (gap >= 1).all()
    assert {tuple(turn["text"] for turn in row) for row in frame["history"].to_list()} == {
        (),
        ("I cannot sleep.", "Since when?"),
    }
    card = " ".join((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split())
    assert "ratings of judge-1 on the 2 items of the instrument 'own' (after nobody)" in card
    assert (
        "from 0 to 10 for warmth, depth" in card
        and "`history`" in card
        and "seven" not in card
        and "empathy" not in card
    )
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0

    shutil.rmtree(next((work / "steps").glob("rate-*")))
    assert main(["export", "preferences", str(tmp_path / "again"), "--work", str(work)]) == 1
    assert not (tmp_path / "again").exists()


def test_no_pairs_are_no_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = rated(tmp_path, gap=9)
    with pytest.raises(RecipeError, match="no preference pairs"):
        export.export("preferences", tmp_path / "out", work)
    assert not (tmp_path / "out").exists()


def tables(
    scores: list[tuple[str, str, str, float]], history: tuple[Turn, ...] = ()
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    rows = [
        Rating(f"{subject}{item}{judge}", subject, item, judge, score)
        for subject, item, judge, score in scores
    ]
    return (
        table(Speech, [Speech("s", "made-up", "Hello", history, split="test")]).frame,
        table(Response, [Response("a", "s", "m", "A"), Response("b", "s", "n", "B")]).frame,
        table(Rating, rows).frame,
        table(Preference, [Preference("p", "s", "a", "b", 1.0)]).frame,
    )


def test_two_judges_are_averaged_and_halves_kept() -> None:
    scores = [
        ("a", "safety", "j", 4.0),
        ("a", "safety", "k", 5.0),
        ("b", "safety", "j", 2.0),
        ("a", "clarity", "j", 3.0),
        ("b", "clarity", "j", 1.0),
    ]
    row = export.flat(*tables(scores), ITEMS)
    assert row.select(
        "chosen_safety_rating",
        "rejected_safety_rating",
        "chosen_clarity_rating",
        "rejected_clarity_rating",
    ).row(0) == (4.5, 2.0, 3, 1)
    assert (
        row["chosen_clarity_rating"].dtype == pl.Int64
        and row["chosen_empathy_rating"].null_count() == 1
    )
    assert "history" not in row.columns
    assert row["split"].to_list() == ["test"], (
        "a pair is where its speech is, also when its source gave no split"
    )


def test_the_published_seven_stand_in_their_order() -> None:
    ratings = table(Rating, [Rating(item, "a", item, "j", 1.0) for item in sorted(ITEMS)]).frame
    assert tuple(export._items(ratings, {})) == ITEMS
    assert list(export._items(ratings.filter(pl.col("item") != "safety"), {})) == sorted(
        set(ITEMS) - {"safety"}
    )


def test_a_published_card_says_what_came_with_the_source(made: Path) -> None:
    card = " ".join((made / "preferences" / "README.md").read_text(encoding="utf-8").split())
    assert (
        "ratings on 7 items that came with the source" in card
        and "(found: 2 to 5) for empathy, relevance" in card
    )


@pytest.mark.parametrize(
    ("what", "where"), [("preferences", "file"), ("preferences", "file/below")]
)
def test_a_target_that_is_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, where: str
) -> None:
    work = built(tmp_path)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert main(["export", what, str(tmp_path / where), "--work", str(work)]) == 1
    assert str(tmp_path / where) in capsys.readouterr().err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_an_export_that_fails_takes_away_what_it_wrote_and_keeps_the_folder_s_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, out = built(tmp_path), tmp_path / "out"
    out.mkdir(mode=0o755)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        assert main(["export", "preferences", str(out), "--work", str(work)]) == 1
    assert not list(out.iterdir())
    assert main(["export", "preferences", str(out), "--work", str(work)]) == 0
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_the_card_of_weights_says_what_their_data_came_from(made: Path, what: str) -> None:
    card = (made / what / "README.md").read_text(encoding="utf-8")
    assert card.count("## Licences") == 1 and "published: unknown." in card


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_exported_weights_are_private(made: Path, what: str) -> None:
    assert (made / what).stat().st_mode & 0o077 == 0
