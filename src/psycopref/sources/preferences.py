"""Preference sets in the layouts that others publish, told apart by their columns: one JSON Lines
or Parquet file, or a folder of Parquet.

- plain (TRL, RewardBench): prompt, chosen, rejected: texts; chosen_model, rejected_model and subset
  (as the topic) where they are given
- RewardBench 2: prompt; chosen and rejected: lists of texts, every one of the first better than
  every one of the second; models, subset
- conversational (TRL): chosen, rejected: lists of {role, content}; prompt: such a list, a text, or
  missing
- UltraFeedback, binarized: the same, with score_chosen and score_rejected
- Anthropic HH: chosen, rejected: transcripts of "\\n\\nHuman: ... \\n\\nAssistant: ..."
- HelpSteer2, preferences: prompt, response_1, response_2, preference_strength (below 0: the first
  is better; 0: no pair)
- HelpSteer2, ratings: prompt, response, helpfulness, a number; rows of one prompt that follow one
  another make pairs where it differs

Licences are those of the sets (HelpSteer2 CC-BY-4.0, UltraFeedback MIT, HH-RLHF MIT at the time of
writing): check the set's own card.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.errors import SourceError
from psycopref.sources.files import column_names, existing
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import below, kind_of, lines
from psycopref.sources.preference_row import ROLES, SPLITS, Row, storable
from psycopref.tables import Split, Turn

_HH = re.compile(r"\n\n(Human|Assistant):")


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


def _rows(file: Path) -> Iterator[Row]:
    named = [
        value for name, value in SPLITS.items() if file.name.startswith((f"{name}-", f"{name}."))
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
            yield Row(values, f"{file} row {number}", split)
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
        yield Row(values, f"{file} line {number}", split)


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


def _plain(row: Row) -> Found:
    return _pair(row, (), row.text("prompt"), row.text("chosen"), row.text("rejected"))


def _several(row: Row) -> Found:
    """RewardBench 2: right and wrong answers in lists, every right one better than every wrong
    one.
    """
    right, wrong = (row.texts(side) for side in ("chosen", "rejected"))
    models = row.values.get("models")
    count = len(right) + len(wrong)
    names = (
        [storable(str(one)) for one in models]
        if isinstance(models, list) and len(models) == count
        else ["unknown"] * count
    )
    answers = tuple(Answer(name, said) for name, said in zip(names, [*right, *wrong], strict=True))
    pairs = tuple(
        (one, len(right) + other) for one in range(len(right)) for other in range(len(wrong))
    )
    return Found(
        row.origin,
        row.text("prompt"),
        row.subset(),
        row.own_split(),
        (),
        answers,
        pairs,
    )


def _conversation(row: Row) -> Found:
    prompt = row.values.get("prompt")
    before: list[Turn] = []
    if isinstance(prompt, list):
        before = row.turns("prompt")
    elif isinstance(prompt, str):
        before = [Turn("client", prompt)]
    sides = [row.turns(side) for side in ("chosen", "rejected")]
    if isinstance(prompt, list) or (before and len(sides[0]) == len(sides[1]) == 1):
        sides = [before + side for side in sides]
    return _diverging(row, *sides)


def _transcript(row: Row) -> Found:
    sides = []
    for side in ("chosen", "rejected"):
        parts = _HH.split(row.text(side))
        if len(parts) < 5:
            raise SourceError(
                f"{row.where}: {side!r} is a text without a prompt and no transcript of"
                ' "\\n\\nHuman:" and "\\n\\nAssistant:" turns'
            )
        sides.append(
            [
                Turn(ROLES[role.lower()], said.strip())
                for role, said in zip(parts[1::2], parts[2::2], strict=True)
            ]
        )
    return _diverging(row, *sides)


def _diverging(row: Row, chosen: list[Turn], rejected: list[Turn]) -> Found:
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


def _pair(row: Row, history: tuple[Turn, ...], text: str, chosen: str, rejected: str) -> Found:
    answers = []
    for side, said in (("chosen", chosen), ("rejected", rejected)):
        ratings = (
            ()
            if row.values.get(f"score_{side}") is None
            else (("overall", row.number(f"score_{side}"), ""),)
        )
        answers.append(Answer(row.name(f"{side}_model") or "unknown", said, ratings))
    return Found(
        row.origin,
        text,
        row.subset(),
        row.own_split(),
        history,
        tuple(answers),
        ((0, 1),),
    )


def _strength(row: Row) -> Found:
    value = row.number("preference_strength")
    answers = tuple(Answer("unknown", row.text(f"response_{n}")) for n in (1, 2))
    pairs: tuple[tuple[int, int], ...] = ((1, 0),) if value > 0 else ((0, 1),)
    if value == 0:
        pairs = ()
    return Found(row.origin, row.text("prompt"), "", row.own_split(), (), answers, pairs)


def _rated(row: Row) -> Answer:
    return Answer(
        "unknown", row.text("response"), (("helpfulness", row.number("helpfulness"), ""),)
    )


def _grouped(file: Path, first: Row, rows: Iterator[Row]) -> Iterator[Found]:
    """Rows of one prompt that follow one another, as one entry."""
    group = [first]
    for row in rows:
        if row.text("prompt") != group[0].text("prompt"):
            yield _together(group)
            group = []
        group.append(row)
    yield _together(group)


def _together(group: list[Row]) -> Found:
    answers = [_rated(row) for row in group]
    helpful = [answer.ratings[0][1] for answer in answers]
    pairs = tuple(
        (a, b) for a in range(len(group)) for b in range(len(group)) if helpful[a] > helpful[b]
    )
    return Found(
        group[0].origin,
        group[0].text("prompt"),
        "",
        group[0].own_split(),
        (),
        tuple(answers),
        pairs,
    )
