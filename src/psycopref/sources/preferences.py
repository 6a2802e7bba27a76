"""Preference sets in the layouts that others publish, told apart by their columns: one JSON Lines
or Parquet file, or a folder of Parquet.

| layout | columns | |---|---| | plain (TRL, RewardBench) | prompt, chosen, rejected: texts;
chosen_model, rejected_model and subset (as the topic) where they are given | | RewardBench 2 |
prompt; chosen and rejected: lists of texts, every one of the first better than every one of the
second; models, subset | | conversational (TRL) | chosen, rejected: lists of {role, content};
prompt: such a list, a text, or missing | | UltraFeedback, binarized | the same, with score_chosen
and score_rejected | | Anthropic HH | chosen, rejected: transcripts of "\\n\\nHuman: ...
\\n\\nAssistant: ..." | | HelpSteer2, preferences | prompt, response_1, response_2,
preference_strength (below 0: the first is better; 0: no pair) | | HelpSteer2, ratings | prompt,
response, helpfulness, a number; rows of one prompt that follow one another make pairs where it
differs |

Licences are those of the sets (HelpSteer2 CC-BY-4.0, UltraFeedback MIT, HH-RLHF MIT at the time of
writing): check the set's own card.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from psycopref.errors import SourceError
from psycopref.sources.files import column_names, existing
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import below, kind_of, lines
from psycopref.tables import Split, Turn

_ROLES: dict[str, Literal["client", "counselor"]] = {
    "user": "client",
    "human": "client",
    "prompter": "client",
    "assistant": "counselor",
    "gpt": "counselor",
}
_HH = re.compile(r"\n\n(Human|Assistant):")
_SPLITS: dict[str, Split] = {"train": "train", "test": "test", "validation": "dev", "dev": "dev"}


class _Row(NamedTuple):
    """One row of a file: its values, where it stands for messages, and the split that the file's
    name says.
    """

    values: dict[str, Any]
    where: str
    split: Split


def files(path: Path | None) -> Sequence[Path]:
    """The file, or the Parquet files of a folder (of its data/ where it has one), in order of their
    names.
    """
    if path is None or kind_of(path) != "folder":
        return [existing(path, "preferences")]
    folder = path / "data" if kind_of(path / "data") == "folder" else path
    found = [file for file in below(folder) if file.parent == folder and file.suffix == ".parquet"]
    if not found:
        raise SourceError(
            f"{path}: no .parquet file in it or in its data/; give the folder or the file that"
            " holds the preferences"
        )
    return found


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """One entry per row (per prompt for HelpSteer2's ratings), with its answers and the pair that
    it states.
    """
    for file in files(path):
        rows = _rows(file)
        first = next(rows, None)
        if first is None:
            continue
        layout = _layout(file, first.values)
        if layout is _rated:
            yield from _grouped(file, first, rows)
            continue
        yield layout(first)
        for row in rows:
            yield layout(row)


def _rows(file: Path) -> Iterator[_Row]:
    named = [
        value for name, value in _SPLITS.items() if file.name.startswith((f"{name}-", f"{name}."))
    ]
    split: Split = named[0] if named else ""
    if file.suffix == ".parquet":
        try:
            frame = pl.read_parquet(file, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise SourceError(
                f"{file}: not a readable Parquet file ({type(error).__name__}); fetch it again"
            ) from None
        for number, values in enumerate(frame.iter_rows(named=True), 1):
            yield _Row(values, f"{file} row {number}", split)
        return
    for number, line in enumerate(lines(file), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"{file} line {number}: not JSON in UTF-8 ({type(error).__name__}); one object a"
                " line"
            ) from None
        if not isinstance(values, dict):
            raise SourceError(f"{file} line {number}: not an object; one object a line")
        yield _Row(values, f"{file} line {number}", split)


def _layout(file: Path, values: Mapping[str, Any]) -> Any:
    names = set(values)
    if {"prompt", "response_1", "response_2", "preference_strength"} <= names:
        return _strength
    if {"prompt", "response", "helpfulness"} <= names:
        return _rated
    if {"chosen", "rejected"} <= names:
        if (
            isinstance(values["chosen"], list)
            and values["chosen"]
            and all(isinstance(one, str) for one in values["chosen"])
        ):
            return _several
        if not isinstance(values["chosen"], str):
            return _conversation
        return _plain if "prompt" in names else _transcript
    wanted = (
        "chosen and rejected (with prompt), or prompt, response_1, response_2 and"
        " preference_strength, or prompt, response and helpfulness"
    )
    raise SourceError(
        f"{file}: not a layout of preferences that is known: it has {column_names(sorted(names))};"
        f" needed are {wanted}"
    )


def _plain(row: _Row) -> Found:
    return _pair(row, (), _text(row, "prompt"), _text(row, "chosen"), _text(row, "rejected"))


def _several(row: _Row) -> Found:
    """RewardBench 2: right and wrong answers in lists, every right one better than every wrong
    one.
    """
    right, wrong = (_texts(row, side) for side in ("chosen", "rejected"))
    models = row.values.get("models")
    count = len(right) + len(wrong)
    names = (
        [_storable(str(one)) for one in models]
        if isinstance(models, list) and len(models) == count
        else ["unknown"] * count
    )
    answers = tuple(Answer(name, said) for name, said in zip(names, [*right, *wrong], strict=True))
    pairs = tuple(
        (one, len(right) + other) for one in range(len(right)) for other in range(len(wrong))
    )
    return Found(
        row.where.rsplit("/", 1)[-1],
        _text(row, "prompt"),
        _subset(row),
        _split(row),
        (),
        answers,
        pairs,
    )


def _texts(row: _Row, name: str) -> list[str]:
    found = row.values.get(name)
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(one, str) and one.strip() for one in found)
    ):
        raise SourceError(f"{row.where}: {name!r} is not a list of texts, none of them empty")
    return [one.encode("utf-8", "replace").decode() for one in found]


def _conversation(row: _Row) -> Found:
    prompt = row.values.get("prompt")
    before = (
        _turns(row, "prompt")
        if isinstance(prompt, list)
        else [Turn("client", prompt)]
        if isinstance(prompt, str)
        else []
    )
    sides = [_turns(row, side) for side in ("chosen", "rejected")]
    if isinstance(prompt, list) or (before and len(sides[0]) == len(sides[1]) == 1):
        sides = [before + side for side in sides]
    return _diverging(row, *sides)


def _transcript(row: _Row) -> Found:
    sides = []
    for side in ("chosen", "rejected"):
        parts = _HH.split(_text(row, side))
        if len(parts) < 5:
            raise SourceError(
                f"{row.where}: {side!r} is a text without a prompt and no transcript of"
                ' "\\n\\nHuman:" and "\\n\\nAssistant:" turns'
            )
        sides.append(
            [
                Turn(_ROLES[role.lower()], said.strip())
                for role, said in zip(parts[1::2], parts[2::2], strict=True)
            ]
        )
    return _diverging(row, *sides)


def _diverging(row: _Row, chosen: list[Turn], rejected: list[Turn]) -> Found:
    """Two dialogues that are the same up to the counselor's last turn."""
    if (
        chosen[:-1] != rejected[:-1]
        or len(chosen) < 2
        or chosen[-2].role != "client"
        or {chosen[-1].role, rejected[-1].role} != {"counselor"}
    ):
        raise SourceError(
            f"{row.where}: chosen and rejected are not two replies to one client turn"
        )
    return _pair(row, tuple(chosen[:-2]), chosen[-2].text, chosen[-1].text, rejected[-1].text)


def _pair(row: _Row, history: tuple[Turn, ...], text: str, chosen: str, rejected: str) -> Found:
    answers = []
    for side, said in (("chosen", chosen), ("rejected", rejected)):
        ratings = (
            ()
            if row.values.get(f"score_{side}") is None
            else (("overall", _number(row, f"score_{side}"), ""),)
        )
        answers.append(Answer(_name(row, f"{side}_model") or "unknown", said, ratings))
    return Found(
        row.where.rsplit("/", 1)[-1],
        text,
        _subset(row),
        _split(row),
        history,
        tuple(answers),
        ((0, 1),),
    )


def _strength(row: _Row) -> Found:
    value = _number(row, "preference_strength")
    answers = tuple(Answer("unknown", _text(row, f"response_{n}")) for n in (1, 2))
    pairs = () if value == 0 else ((1, 0),) if value > 0 else ((0, 1),)
    return Found(
        row.where.rsplit("/", 1)[-1], _text(row, "prompt"), "", _split(row), (), answers, pairs
    )


def _rated(row: _Row) -> Answer:
    return Answer(
        "unknown", _text(row, "response"), (("helpfulness", _number(row, "helpfulness"), ""),)
    )


def _grouped(file: Path, first: _Row, rows: Iterator[_Row]) -> Iterator[Found]:
    """Rows of one prompt that follow one another, as one entry."""
    group = [first]
    for row in rows:
        if _text(row, "prompt") != _text(group[0], "prompt"):
            yield _together(group)
            group = []
        group.append(row)
    yield _together(group)


def _together(group: list[_Row]) -> Found:
    answers = [_rated(row) for row in group]
    helpful = [answer.ratings[0][1] for answer in answers]
    pairs = tuple(
        (a, b) for a in range(len(group)) for b in range(len(group)) if helpful[a] > helpful[b]
    )
    return Found(
        group[0].where.rsplit("/", 1)[-1],
        _text(group[0], "prompt"),
        "",
        _split(group[0]),
        (),
        tuple(answers),
        pairs,
    )


def _subset(row: _Row) -> str:
    """RewardBench's subset stands as a topic, so that figures come by subset."""
    subset = row.values.get("subset")
    return _storable(subset) if isinstance(subset, str) else ""


def _split(row: _Row) -> Split:
    return _SPLITS.get(str(row.values.get("split") or ""), row.split)


def _text(row: _Row, name: str) -> str:
    value = row.values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise SourceError(
            f"{row.where}: {name!r} is missing, empty or not a text; every row needs one"
        )
    return _storable(value)


def _number(row: _Row, name: str) -> float:
    value = row.values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise SourceError(
            f"{row.where}: {name!r} is missing or no finite number; every row needs one"
        )
    return float(value)


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def _name(row: _Row, name: str) -> str:
    value = row.values.get(name)
    if value is not None and not isinstance(value, str):
        raise SourceError(f"{row.where}: {name!r} is a {type(value).__name__}, not text")
    return _storable(value or "")


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _turns(row: _Row, name: str) -> list[Turn]:
    """A list of messages as turns. A system message is left out: a speech has no place for one."""
    found = row.values.get(name)
    turns = []
    for message in found if isinstance(found, list) else [None]:
        said = message.get("content", message.get("value")) if isinstance(message, dict) else None
        role = (
            str(message.get("role", message.get("from"))).lower()
            if isinstance(message, dict)
            else ""
        )
        if role == "system":
            continue
        if role not in _ROLES or not isinstance(said, str):
            raise SourceError(
                f"{row.where}: {name!r} is not a list of messages with role (user or assistant) and"
                " content"
            )
        turns.append(Turn(_ROLES[role], _storable(said)))
    return turns
