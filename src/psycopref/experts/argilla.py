"""Argilla's layout: records and settings as its SDK writes them, and `dataset.records.to_json` back
(docs.argilla.io, records and settings).
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopref.config.instruments import Instrument
from psycopref.errors import SourceError, SourceWarning
from psycopref.experts.answers import TEXTS, Filled
from psycopref.experts.sheets import OVERALL, Kind, SheetRow

_USERS = ".responses.users"
_TITLES = {
    "topic": "Topic",
    "history": "Earlier turns",
    "speech": "The client says",
    "first": "The first reply",
    "second": "The second reply",
}


def fields(kind: Kind) -> list[str]:
    """The texts that a record shows."""
    return ["topic", "history", "speech", "first", *(["second"] if kind != "scores" else [])]


def records(rows: Sequence[SheetRow]) -> list[dict[str, Any]]:
    """One record a row, in the sheet's order, without suggestions: what is prefilled is agreed
    with.
    """
    return [
        {
            "id": row.sheet_id,
            "fields": {name: getattr(row, name) for name in fields(row.kind)},
            "metadata": {},
            "suggestions": {},
            "responses": {},
            "vectors": {},
        }
        for row in rows
    ]


def settings(kind: Kind, items: Sequence[str], instrument: Instrument, each: int) -> dict[str, Any]:
    """The dataset's settings: text fields, a label question (first, tie, second) or a rating
    question for each item, and a note; `each` annotators a record.
    """
    questions: list[dict[str, Any]] = []
    for name in items:
        item = None if name == OVERALL else instrument.item(name)
        title, about = (
            ("Which reply is better overall?", "")
            if item is None
            else (item.title, item.definition)
        )
        if kind != "scores":
            options = [
                {"value": side, "text": side, "description": None}
                for side in ("first", "tie", "second")
            ]
            asked: dict[str, Any] = {"type": "label_selection", "options": options}
        else:
            asked = {
                "type": "rating",
                "options": [
                    {"value": point} for point in range(instrument.low, instrument.high + 1)
                ],
            }
        questions.append(
            {
                "name": name,
                "title": title,
                "description": about or None,
                "required": True,
                "settings": asked,
            }
        )
    note = {
        "name": "note",
        "title": "Note, or why you skip this one",
        "description": None,
        "required": False,
    }
    questions.append({**note, "settings": {"type": "text", "use_markdown": False}})
    shown = [
        {
            "name": name,
            "title": _TITLES[name] if kind != "scores" or name != "first" else "The reply",
            "required": name not in ("topic", "history"),
            "settings": {"type": "text", "use_markdown": False},
        }
        for name in fields(kind)
    ]
    return {
        "guidelines": "See experts.md beside this file.",
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": each},
        "fields": shown,
        "questions": questions,
        "metadata": [],
        "vectors": [],
    }


def is_flat(entry: dict[str, Any]) -> bool:
    """Whether a record is of `records.to_list(flatten=True)`, which says of each response whether
    it was submitted.
    """
    return any(name.endswith(_USERS) for name in entry)


def nested(entry: dict[str, Any]) -> dict[str, Any]:
    """A flat record as `records.to_json` would have it, with the status of each response beside."""
    responses: dict[str, list[dict[str, Any]]] = {}
    for name in entry:
        if not name.endswith(_USERS):
            continue
        question = name.removesuffix(_USERS)
        columns = [
            entry.get(f"{question}.responses{one}") or [] for one in ("", ".users", ".status")
        ]
        responses[question] = [
            {"value": value, "user_id": who, "status": status}
            for value, who, status in zip(*columns, strict=False)
        ]
    return {"id": entry.get("id"), "fields": entry, "responses": responses}


def read(entries: Sequence[dict[str, Any]], path: Path, items: Sequence[str]) -> Iterator[Filled]:
    """Filled rows of an export: one for each record and user. Annotators are Argilla's user ids; it
    keeps no time. A SourceWarning says where an export does not tell drafts from answers.
    """
    given = [one for record in entries for many in _lists(record["responses"]) for one in many]
    if any(isinstance(one, dict) and "status" not in one for one in given):
        warnings.warn(
            f"{path}: this export does not say which answers were submitted, so drafts and"
            " discarded ones count as given; write it with"
            " json.dump(dataset.records.to_list(flatten=True), file)",
            SourceWarning,
            stacklevel=2,
        )
    for number, record in enumerate(entries, 1):
        where = f"{path} record {number}"
        said = _by_user(where, record["responses"], items)
        shown = record["fields"] if isinstance(record["fields"], dict) else {}
        texts = {name: str(shown[name] or "") for name in TEXTS if name in shown}
        for who, answers in said.items():
            note = answers.pop("note", "")
            yield Filled(
                f"{where} user {list(said).index(who) + 1}",
                str(record.get("id") or ""),
                who,
                answers,
                "",
                note,
                texts,
            )


def _lists(responses: Any) -> list[list[Any]]:
    values = responses.values() if isinstance(responses, dict) else ()
    return [one if isinstance(one, list) else [one] for one in values]


def _by_user(where: str, responses: Any, items: Sequence[str]) -> dict[str, dict[str, str]]:
    """User to question to answer; drafts and discarded responses are left out where the export says
    so.
    """
    found: dict[str, dict[str, str]] = {}
    for question, given in responses.items() if isinstance(responses, dict) else ():
        if question not in (*items, "note"):
            raise SourceError(
                f"{where}: an answer to a question that this run's settings do not have; give the"
                " export of this run's dataset"
            )
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, dict) or "value" not in one or not one.get("user_id"):
                raise SourceError(
                    f"{where}: a response without value or user_id; write the export with"
                    " dataset.records.to_json"
                )
            if one.get("status", "submitted") != "submitted" or one["value"] is None:
                continue
            own = found.setdefault(str(one["user_id"]), {})
            if question in own:
                raise SourceError(
                    f"{where}: one user answered {question} twice; keep one of the answers"
                )
            own[question] = str(one["value"])
    return found
