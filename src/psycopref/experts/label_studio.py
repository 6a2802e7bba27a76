"""Label Studio's layout: tasks, a labelling configuration, and its JSON export back (labelstud.io,
'Label Studio JSON format of annotated tasks').

A pair's overall question is a `<Pairwise>` choice; since that tag knows no tie, a tick box beside
it says one. The other items are `<Choices>` of first, tie and second; single replies get a row of
`<Choices>` for each item, from the scale's lowest to its highest point.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from psycopref.config.instruments import Instrument
from psycopref.errors import SourceError
from psycopref.experts.answers import TEXTS, Filled
from psycopref.experts.sheets import OVERALL, SheetRow

_TIE = f"{OVERALL}_tie"
_SIDES = {"left": "first", "right": "second"}


def tasks(rows: Sequence[SheetRow]) -> list[dict[str, Any]]:
    """One task a row, in the sheet's order; nothing in it says who wrote which reply."""
    return [
        {
            "data": {
                name: getattr(row, name)
                for name in ("sheet_id", "topic", *TEXTS)
                if name != "second" or row.kind != "scores"
            }
        }
        for row in rows
    ]


def config(rows: Sequence[SheetRow], items: Sequence[str], instrument: Instrument) -> str:
    """The labelling configuration as XML: the texts, the questions with their definitions, a
    note.
    """
    view, kind = Element("View"), rows[0].kind
    for name, title in (
        ("topic", "Topic"),
        ("history", "Earlier turns"),
        ("speech", "The client says"),
    ):
        if name != "speech" and not any(getattr(row, name) for row in rows):
            continue  # an empty text on every page
        SubElement(view, "Header", value=title)
        SubElement(view, "Text", name=name, value=f"${name}")
    if kind != "scores":
        SubElement(
            view,
            "Header",
            value="Which reply is better overall? Click it; tick the box instead where neither is.",
        )
        SubElement(view, "Pairwise", name=OVERALL, toName="first,second")
        for side in ("first", "second"):
            SubElement(view, "Header", value=f"The {side} reply")
            SubElement(view, "Text", name=side, value=f"${side}")
        _choices(view, _TIE, ["tie"], "speech", "checkbox")
    else:
        SubElement(view, "Header", value="The reply")
        SubElement(view, "Text", name="first", value="$first")
    points = (
        ["first", "tie", "second"]
        if kind != "scores"
        else [str(point) for point in range(instrument.low, instrument.high + 1)]
    )
    for name in items:
        if name != OVERALL:
            item = instrument.item(name)
            SubElement(view, "Header", value=f"{item.title}. {item.definition}")
            _choices(view, name, points, "speech" if kind != "scores" else "first", "radio")
    SubElement(view, "Header", value="Note, or why you skip this one (optional)")
    SubElement(view, "TextArea", name="note", toName="speech", rows="2", maxSubmissions="1")
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def _choices(view: Element, name: str, points: Sequence[str], on: str, look: str) -> None:
    kind = (
        {"choice": "multiple"}
        if look == "checkbox"
        else {"choice": "single-radio", "showInline": "true"}
    )
    box = SubElement(view, "Choices", {"name": name, "toName": on, **kind})
    for point in points:
        SubElement(box, "Choice", value=point)


def read(entries: Sequence[dict[str, Any]], path: Path, items: Sequence[str]) -> Iterator[Filled]:
    """Filled rows of an export: one for each annotation, without answers where it was skipped.
    Annotators are the numbers that Label Studio gives them.
    """
    for number, task in enumerate(entries, 1):
        data, annotations = task["data"], task["annotations"]
        if not isinstance(data, dict) or not isinstance(annotations, list):
            raise SourceError(
                f"{path} task {number}: data or annotations are not what Label Studio exports;"
                " export as JSON again"
            )
        for at, annotation in enumerate(annotations, 1):
            where = f"{path} task {number} annotation {at}"
            if not isinstance(annotation, dict):
                raise SourceError(f"{where}: not an object; export as JSON again")
            row = _filled(where, data, annotation, items)
            # Skipped: no answer, but somebody was here, and may have said why.
            yield row._replace(answers={}) if annotation.get("was_cancelled") else row


def _filled(
    where: str, data: dict[str, Any], annotation: dict[str, Any], items: Sequence[str]
) -> Filled:
    answers, note = _results(where, annotation.get("result"), items)
    who = annotation.get("completed_by")
    person = who.get("id", "") if isinstance(who, dict) else who
    texts = {name: str(data[name]) for name in TEXTS if name in data}
    return Filled(
        where,
        str(data.get("sheet_id", "")),
        "" if person is None else str(person),
        answers,
        str(annotation.get("lead_time") or ""),
        note,
        texts,
    )


def _results(where: str, results: Any, items: Sequence[str]) -> tuple[dict[str, str], str]:
    """Answers by item, and the note; an answer under another name, or of another shape, is an
    error.

    A result without `from_name` belongs to no question (a relation that somebody drew between two
    texts) and is passed over.
    """
    answers: dict[str, str] = {}
    note, tie = "", False
    for result in results if isinstance(results, list) else [None]:
        if isinstance(result, dict) and result.get("from_name") is None:
            continue
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(value, dict):
            raise SourceError(
                f"{where}: a result is not what Label Studio exports; export as JSON again"
            )
        name = str(result["from_name"])
        given = (
            value.get("selected")
            or value.get("choices")
            or value.get("rating")
            or value.get("text")
        )
        said = [
            str(one) for one in (given if isinstance(given, list) else [given]) if one is not None
        ]
        if name == "note":
            note = "\n".join(said)
        elif name == _TIE:
            tie = "tie" in said
        elif name not in items:
            raise SourceError(
                f"{where}: an answer to a question that the configuration of this run does not"
                " have; give the export of this run's project"
            )
        elif len(said) != 1 or name in answers:
            raise SourceError(
                f"{where}: {name} has {len(said) if name not in answers else 'more than one'}"
                " answers; it needs one"
            )
        else:
            answers[name] = _SIDES.get(said[0], said[0])
    if tie and OVERALL in answers:
        raise SourceError(
            f"{where}: both a side and a tie for {OVERALL}; keep one in Label Studio and export"
            " again"
        )
    return (answers | {OVERALL: "tie"} if tie else answers), note
