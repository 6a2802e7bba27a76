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

A row that states no pair of replies to one client turn (turns of tools, an empty turn, dialogues
that part earlier or have other system messages, a text or number that is missing) is dropped with
its reason; a file that has none but such is an error.

Licences are those of the sets (HelpSteer2 CC-BY-4.0, UltraFeedback MIT, HH-RLHF MIT at the time of
writing): check the set's own card.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.errors import SourceError
from psycopref.sources.files import column_names, existing
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import below, kind_of, lines
from psycopref.sources.preference_row import (
    ROLES,
    SPLITS,
    Dialogue,
    Row,
    UnusableRow,
    storable,
)
from psycopref.tables import Split, Turn

Layout = Callable[[Row], Found]
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
    it states; `unusable` where it states none. SourceError where no row of a file can be used.
    """
    for file in files(path):
        first_fault: SourceError | None = None
        usable = 0
        for found in _entries(file):
            if isinstance(found, Found):
                usable += 1
                yield found
                continue
            row, fault = found
            first_fault = first_fault or fault
            yield Found(row.origin, "", split=row.split, unusable=fault.reason)
        if first_fault is not None and not usable:
            raise first_fault


def _entries(file: Path) -> Iterator[Found | tuple[Row, UnusableRow]]:
    rows = _rows(file)
    for first in rows:
        layout = _layout(first.values)
        if layout is None:
            yield first, _unknown(file, first.values)
            continue
        every = chain([first], rows)
        yield from _grouped(every) if layout is _rated else _each(every, layout)


def _each(rows: Iterable[Row], usual: Layout) -> Iterator[Found | tuple[Row, UnusableRow]]:
    for row in rows:
        try:
            yield (_layout(row.values) or usual)(row)
        except UnusableRow as fault:
            yield row, fault


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


def _unknown(file: Path, values: Mapping[str, Any]) -> UnusableRow:
    wanted = (
        "chosen and rejected (with prompt), or prompt, response_1, response_2 and"
        " preference_strength, or prompt, response and helpfulness"
    )
    return UnusableRow(
        "no pair",
        f"{file}: not a layout of preferences that is known: it has {column_names(sorted(values))};"
        f" needed are {wanted}",
    )


def _layout(values: Mapping[str, Any]) -> Layout | None:
    names = set(values)
    if {"prompt", "response_1", "response_2", "preference_strength"} <= names:
        return _strength
    if {"prompt", "response", "helpfulness"} <= names:
        return _rated
    if not {"chosen", "rejected"} <= names:
        return None
    kinds = {
        _kind(values[side]) for side in ("chosen", "rejected") if values[side] not in (None, "")
    }
    if kinds == {"texts"}:
        return _several
    if kinds == {"messages"}:
        return _conversation
    return _plain if "prompt" in names else _transcript


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    texts = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    return "texts" if texts else "messages"


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
    before = Dialogue("", [])
    if isinstance(prompt, list):
        before = row.dialogue("prompt")
    elif isinstance(prompt, str):
        before = Dialogue("", [Turn("client", storable(prompt))])
    chosen, rejected = (row.dialogue(side) for side in ("chosen", "rejected"))
    if chosen.system != rejected.system:
        raise UnusableRow(
            "two prompts", f"{row.where}: chosen and rejected have different system messages"
        )
    sides = [chosen.turns, rejected.turns]
    if isinstance(prompt, list) or (before.turns and len(sides[0]) == len(sides[1]) == 1):
        sides = [before.turns + side for side in sides]
    return _diverging(row, *sides)


def _transcript(row: Row) -> Found:
    sides = []
    for side in ("chosen", "rejected"):
        parts = _HH.split(row.text(side))
        if len(parts) < 5:
            raise UnusableRow(
                "no transcript",
                f"{row.where}: {side!r} is a text without a prompt and no transcript of"
                ' "\\n\\nHuman:" and "\\n\\nAssistant:" turns',
            )
        turns = [
            Turn(ROLES[role.lower()], said.strip())
            for role, said in zip(parts[1::2], parts[2::2], strict=True)
        ]
        if not all(turn.text for turn in turns):
            raise UnusableRow("empty turn", f"{row.where}: {side!r} has a turn without a text")
        sides.append(turns)
    return _diverging(row, *sides)


def _diverging(row: Row, chosen: list[Turn], rejected: list[Turn]) -> Found:
    """Two dialogues that are the same up to the counselor's last turn."""
    if (
        chosen[:-1] != rejected[:-1]
        or len(chosen) < 2
        or chosen[-2].role != "client"
        or {chosen[-1].role, rejected[-1].role} != {"counselor"}
    ):
        raise UnusableRow(
            "two prompts",
            f"{row.where}: chosen and rejected are not two replies to one client turn",
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


def _rated(row: Row) -> Found:
    """One rated response; those of one prompt are put together."""
    rating = (("helpfulness", row.number("helpfulness"), ""),)
    answer = Answer("unknown", row.text("response"), rating)
    return Found(row.origin, row.text("prompt"), "", row.own_split(), (), (answer,))


def _grouped(rows: Iterable[Row]) -> Iterator[Found | tuple[Row, UnusableRow]]:
    """Rows of one prompt that follow one another, as one entry; one that has no rating or text is
    left out of it.
    """
    group: list[Found] = []
    for row in rows:
        try:
            found = _rated(row)
        except UnusableRow as fault:
            yield row, fault
            continue
        if group and found.text != group[0].text:
            yield _together(group)
            group = []
        group.append(found)
    if group:
        yield _together(group)


def _together(group: list[Found]) -> Found:
    answers = tuple(answer for found in group for answer in found.answers)
    helpful = [answer.ratings[0][1] for answer in answers]
    pairs = tuple(
        (a, b) for a in range(len(group)) for b in range(len(group)) if helpful[a] > helpful[b]
    )
    return replace(group[0], answers=answers, pairs=pairs)
