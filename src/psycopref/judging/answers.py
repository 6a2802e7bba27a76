"""Replies to scores. What a judge says is data: unreadable is an outcome, never a score."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopref.config.instruments import Instrument

KEY = "ratings"
_OPENING = re.compile(r"""\{\s*["']?ratings["']?\s*:""")
_MENTION = re.compile(r"""["']ratings["']\s*:""")
_FIELD = r"""\b{}["']?\s*:"""
_STRUCTURE = re.compile(r"""[{}\[\]":]""")
_NUMBERED = re.compile(r"""\b(?:score|response)["']?\s*:""")
_DIGITS = re.compile(r"-?(?:0|[1-9][0-9]{0,5})(?:\.0+)?")
_WHOLE_NUMBER = re.compile(r"\s*-?(?:0|[1-9][0-9]*)\s*[,}\]]")
_REFUSAL = re.compile(
    r"\b(?:can(?:no|['\u2019])t|can not|unable to|won['\u2019]t|not able to|decline to)\b.{0,60}\b"
    r"(?:help|assist|rat(?:e|ing)|evaluat\w+|assess|provide|comply|continue|engage|fulfil\w*"
    r"|judg(?:e|ing)|scor(?:e|ing)|discuss)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Score:
    """A judge's score of one reply with its reason."""

    score: int
    rationale: str


Scores = dict[str, Score]  # by item


def own_object(text: str, key: str, shown: Sequence[str] = ()) -> dict[str, Any] | None:
    """The judge's own object with `key`: the last one that is whole. None where there is none, or
    it gives a field twice; where `key` stands as a field outside of every whole object (it is
    unknown which was meant); and where it stands in one of the texts that were `shown`.
    """
    objects = list(_objects(text, key))
    if not objects:
        return None
    found, start, end = objects[-1]
    fields = re.finditer(rf"""["']{re.escape(key)}["']\s*:""", text)
    inside = all(any(a <= one.start() < b for _, a, b in objects) for one in fields)
    return found if inside and not _quoted(text[start:end], shown, key) else None


def _last(text: str, key: str) -> tuple[dict[str, Any] | None, int, int]:
    """The last JSON object with `key`, None where it gives a field twice, and where it begins and
    ends (0 and 0: there is none).
    """
    found: tuple[dict[str, Any] | None, int, int] = (None, 0, 0)
    for found in _objects(text, key):  # noqa: B007
        pass
    return found


def _objects(text: str, key: str) -> Iterator[tuple[dict[str, Any] | None, int, int]]:
    """Every whole JSON object with `key` that is in no other one, as `_last` gives one."""
    at = text.find("{")
    while at >= 0:
        try:
            value, end, once = _decoded(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict) and key in value:
            yield (value if once else None), at, end
        at = text.find("{", end)


def _decoded(text: str, at: int) -> tuple[Any, int, bool]:
    """The JSON value at a place, its end, and whether every object in it has each field once;
    ValueError or RecursionError where there is none.

    An object with a field twice is read to its end and not refused at once: else an object within
    it would be taken for the answer.
    """
    once = True

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal once
        one = dict(pairs)
        once = once and len(one) == len(pairs)
        return one

    # not strict: a line break within a string is what it is
    value, end = json.JSONDecoder(strict=False, object_pairs_hook=made).raw_decode(text, at)
    return value, end, once


def read_ratings(
    text: str, count: int, instrument: Instrument, shown: Sequence[str] = ()
) -> list[Score] | None:
    """The scores of `count` replies in order; None unless each reply has exactly one whole score on
    the scale.

    `shown` are the texts that were rated: an object that stands in one of them is a quotation and
    no answer.
    """
    entries = _entries(text, count, shown)
    scores = {n: _score(entry, instrument) for n, entry in entries.items()} if entries else {}
    kept = [scores.get(n) for n in range(1, count + 1)]
    return [one for one in kept if one] if all(kept) else None


def read_all_ratings(
    text: str, count: int, instrument: Instrument, shown: Sequence[str] = ()
) -> list[Scores] | None:
    """The same for an answer on all items: None unless each reply has exactly one whole score on
    every item and on nothing else.
    """
    entries = _entries(text, count, shown)
    names = {item.name for item in instrument.items}
    out = []
    for n in range(1, count + 1):
        own = entries[n].get("scores") if entries else None
        if not isinstance(own, dict) or own.keys() != names:
            return None
        scores = {name: _score(one, instrument) for name, one in own.items()}
        if not all(scores.values()):
            return None
        out.append({name: one for name, one in scores.items() if one})
    return out


def _entries(text: str, count: int, shown: Sequence[str]) -> dict[int, dict[str, Any]] | None:
    """The entry of each reply by its number; None unless there is exactly one for each of 1 to
    `count`.
    """
    answer = _answer(text, shown)
    rows = answer[KEY] if answer else None
    if not isinstance(rows, list) or len(rows) != count:
        return None
    entries = {
        number: row
        for row in rows
        if isinstance(row, dict) and (number := _whole_number(row.get("response"))) is not None
    }
    return entries if entries.keys() == set(range(1, count + 1)) else None


def _score(entry: Any, instrument: Instrument) -> Score | None:
    score = _whole_number(entry.get("score")) if isinstance(entry, dict) else None
    if score is None or not instrument.low <= score <= instrument.high:
        return None
    # half a surrogate pair cannot be kept
    return Score(score, str(entry.get("rationale", "")).encode("utf-8", "replace").decode())


def _whole_number(value: Any) -> int | None:
    """A number that is whole however it is written: 4, 4.0 or "4"; None for anything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(float(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        return None
    return int(value) if value == int(value) else None


def _answer(text: str, shown: Sequence[str]) -> dict[str, Any] | None:
    """The judge's own object: the last one that is whole, or the only one where it can be repaired
    without a doubt.

    Where another one begins that is not whole, it is unknown which was meant; so it is of a field
    that stands twice in an object. What stands in a rated text is that text's.
    """
    found, start, end = _last(text, KEY)
    if found is None:
        return None if end else _bare(text, shown) or repaired(text, shown)
    others = [one.start() for one in _OPENING.finditer(text) if not start <= one.start() < end]
    doubtful = _MENTION.search(text, end) or not all(_whole(text, at) for at in others)
    return None if doubtful or _quoted(text[start:end], shown) else found


def _bare(text: str, shown: Sequence[str]) -> dict[str, Any] | None:
    """The list of ratings where it stands without its object, alone in the answer but for prose and
    a fence.
    """
    at = text.find("[")
    if at < 0 or "{" in text[:at] or _MENTION.search(text):
        return None
    try:
        value, end, once = _decoded(text, at)
    except (ValueError, RecursionError):
        return None
    alone = once and isinstance(value, list) and not _STRUCTURE.search(text, end)
    rated = alone and all(isinstance(row, dict) and "response" in row for row in value)
    quoted = any("".join(text[at:end].split()) in "".join(one.split()) for one in shown)
    return {KEY: value} if rated and value and not quoted else None


def _whole(text: str, at: int) -> bool:
    try:
        return _decoded(text, at)[2]
    except (ValueError, RecursionError):
        return False


def _quoted(said: str, shown: Sequence[str], key: str = KEY) -> bool:
    return any("".join(said.split()) in "".join(one.split()) for one in shown if key in one)


def repaired(text: str, shown: Sequence[str] = ()) -> dict[str, Any] | None:
    """A broken rating object mended by json-repair, or None where a doubt is left.

    Nothing but punctuation may differ: each score and each number of a reply stands in the source
    as a whole number with nothing behind it but a comma, a brace or a bracket; every letter and
    digit of the object stands in the mended one in the same order; no brace or bracket was opened
    that was not there; each object has its own fields once and no other. At the very end one brace
    and one bracket may have been lacking, so each entry was complete. That leaves trailing commas,
    single quotes, quotes within a string, a lost end.
    """
    openings = list(_OPENING.finditer(text))
    last = max(text.rfind("}"), text.rfind("]"))
    if (
        len(openings) != 1
        or len(re.findall(_FIELD.format(KEY), text)) != 1
        or _STRUCTURE.search(text, last + 1)
    ):
        return None
    import json_repair

    source = text[openings[0].start() : last + 1]
    if not all(_WHOLE_NUMBER.match(source, one.end()) for one in _NUMBERED.finditer(source)):
        return None
    try:
        value = json_repair.loads(source)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not _formed(value):
        return None
    same = _same(source, json.dumps(value, ensure_ascii=False), len(value[KEY]))
    return value if same and not _quoted(source, shown) else None


def _formed(value: dict[str, Any]) -> bool:
    """Whether a mended object has the fields of an answer and no others: json-repair makes a field
    of what it cannot place.
    """
    rows = value.get(KEY)
    if value.keys() != {KEY} or not isinstance(rows, list):
        return False
    one = {"rationale", "score"}
    several = {"response", "scores"}
    return all(
        isinstance(row, dict)
        and (
            row.keys() == {"response", *one}
            or (row.keys() == several and _all_have(row["scores"], one))
        )
        for row in rows
    )


def _all_have(scores: Any, fields: set[str]) -> bool:
    return isinstance(scores, dict) and all(
        isinstance(one, dict) and one.keys() == fields for one in scores.values()
    )


def _same(source: str, mended: str, entries: int) -> bool:
    """Whether a mended object says what its source said, and as often."""
    opened = all(source.count(sign) == mended.count(sign) for sign in "{[")
    closed = all(
        mended.count(sign) - 1 <= source.count(sign) <= mended.count(sign) for sign in "}]"
    )
    fields = all(
        len(re.findall(_FIELD.format(name), source)) == mended.count(f'"{name}": ')
        for name in ("response", "score")
    )
    return (
        _spoken(source) == _spoken(mended)
        and opened
        and closed
        and fields
        and mended.count('"response": ') == entries
    )


def _spoken(text: str) -> str:
    """What is left of a JSON text without its punctuation; a signed or broken number keeps sign and
    point.
    """
    return re.sub(r"[^\w.+-]", "", text.replace("\\n", "").replace("\n", ""))


def unreadable(text: str) -> Literal["refused", "malformed"]:
    """What an answer is that holds no scores: prose that declines in its first lines, or
    malformed.
    """
    return "refused" if "{" not in text and _REFUSAL.search(text[:300]) else "malformed"
