"""Prompt files: what is shown to a model has its slot, and a brace that is none is an error that
names the file.
"""

from pathlib import Path

import pytest

from psycopref.config.instruments import load_instrument
from psycopref.config.prompts import Prompt, instruction, load_prompt
from psycopref.config.toml_files import DATA, shipped
from psycopref.errors import RecipeError
from psycopref.judging.ratings import rating_ask
from psycopref.models.entries import ModelEntry
from psycopref.stages.respond import respond_ask
from psycopref.store.calls import Message
from psycopref.tables import Speech

MODEL = ModelEntry(name="m", kind="local")
SPEECH = Speech("s", "x", "I worry.")
SCALE = load_instrument("psychocounsel")
CONTENT = {
    "compare": {"speech": "s", "first": "a", "second": "b"},
    "compare_all": {"speech": "s", "first": "a", "second": "b", "principles": "p", "form": "f"},
    "rate": {
        "speech": "s",
        "responses": "r",
        "low": 1,
        "high": 5,
        "title": "t",
        "definition": "d",
        "criteria": "c",
    },
    "rate_all": {
        "speech": "s",
        "responses": "r",
        "low": 1,
        "high": 5,
        "principles": "p",
        "form": "f",
    },
    "respond": {"speech": "s"},
    "topics": {"speech": "s", "topics": "t"},
}


# Lines that are put to a request, or stand for an answer: no prompts of their own.
INSTRUCTIONS = {"length": {"words": 80}, "length_trained": {"words": 80}, "null_constant": {}}


def put(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.md"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_prompt_is_filled_whole() -> None:
    assert set(shipped("prompts", ".md")) == CONTENT.keys() | INSTRUCTIONS.keys()
    for name, slots in INSTRUCTIONS.items():
        assert "{" not in instruction(name, **slots)
    for name, values in CONTENT.items():
        assert (
            load_prompt(name).fill(history="before", **values)[-1].role  # type: ignore[arg-type]
            == "user"
        )


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        (name, slot)
        for name, values in CONTENT.items()
        for slot in values  # type: ignore[attr-defined]
        if isinstance(values[slot], str) and slot != "form"
    ],
)
def test_a_slot_of_content_that_is_left_out_is_named(tmp_path: Path, name: str, slot: str) -> None:
    text = (DATA / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    path = put(tmp_path, text.replace(f"{{{slot}}}", "it"))
    if slot in ("title", "definition", "criteria"):
        load_prompt(path).fill(history="", **CONTENT[name])  # type: ignore[arg-type]
        path = put(
            tmp_path,
            text.replace("{title}", "it").replace("{definition}", "it").replace("{criteria}", "it"),
        )
    with pytest.raises(RecipeError, match="mine.md") as caught:
        load_prompt(path).fill(history="", **CONTENT[name])  # type: ignore[arg-type]
    assert f"{{{slot}}}" in str(caught.value)


def test_history_and_the_ends_of_the_scale_may_be_left_out(tmp_path: Path) -> None:
    prompt = load_prompt(put(tmp_path, "## user\n{speech}{responses}{definition}"))
    assert (
        rating_ask(prompt, SCALE, SCALE.items[0], MODEL, SPEECH, ["a"]).messages[0].role == "user"
    )
    assert respond_ask(
        load_prompt(put(tmp_path, "## user\n{speech} {{}}")), MODEL, SPEECH
    ).messages == (Message("user", "I worry. {}"),)


def test_a_slot_without_a_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mine.md.*'speach'.*'speech'"):
        respond_ask(load_prompt(put(tmp_path, "## user\n{speech} {speach}")), MODEL, SPEECH)


@pytest.mark.parametrize(
    "line",
    ["a } b", "a { b", "{}", "{0}", "{speech:d}", "{speech!r}", "{speech.text}", '{"score": 3}'],
)
def test_a_brace_that_is_no_slot_is_an_error_of_the_file(tmp_path: Path, line: str) -> None:
    with pytest.raises(
        RecipeError, match=r"mine.md: line 2 of the user part: a brace that is no slot"
    ) as caught:
        load_prompt(put(tmp_path, f"## user\n{{speech}}\n{line}\n"))
    assert "{name}" in str(caught.value) and "{{ or }}" in str(caught.value)
    with pytest.raises(ValueError, match="line 1 of the system part"):
        Prompt(name="p", system=line, user="{speech}")


def test_a_prompt_that_is_no_utf8_or_has_no_user_part(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="mine.md.*'## user'"):
        load_prompt(put(tmp_path, "{speech}"))
    (tmp_path / "mine.md").write_bytes(b"## user\n\xe9")
    with pytest.raises(RecipeError, match="mine.md.*UTF-8"):
        load_prompt(str(tmp_path / "mine.md"))
