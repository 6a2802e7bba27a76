"""Instrument and text to asks; replies to scores. What a judge says is data: unreadable is an outcome, never a score."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopref.instruments import Instrument, Item
from psycopref.models.chat import Ask, Message
from psycopref.models.pool import ModelEntry
from psycopref.prompts import Prompt, fence
from psycopref.store.keys import canonical
from psycopref.tables import Speech


@dataclass(frozen=True, slots=True)
class Score:
    """A judge's score of one reply with its reason."""

    score: int
    rationale: str


def history_text(speech: Speech) -> str:
    """The turns before a speech between tags, or nothing."""
    return "".join(f"<{turn.role}>\n{fence(turn.text)}\n</{turn.role}>\n" for turn in speech.history)


def rating_ask(prompt: Prompt, instrument: Instrument, item: Item, judge: ModelEntry, speech: Speech, texts: Sequence[str], attempt: int = 0) -> Ask:
    """One call that rates several replies to one speech on one item; the item comes last, so that prefixes are shared."""
    responses = "\n\n".join(f'<response id="{n}">\n{fence(text)}\n</response>' for n, text in enumerate(texts, 1))
    messages = prompt.fill(
        history=history_text(speech),
        speech=fence(speech.text),
        responses=responses,
        low=instrument.low,
        high=instrument.high,
        title=item.title,
        definition=item.definition,
        criteria="\n".join(f"- {line}" for line in item.criteria),
    )
    return _ask(judge, messages, rating_schema(instrument), attempt)


def _ask(judge: ModelEntry, messages: tuple[Message, ...], schema: str, attempt: int) -> Ask:
    return Ask(judge.name, messages, judge.temperature, judge.max_tokens, schema, attempt=attempt)


def rating_schema(instrument: Instrument) -> str:
    """The JSON schema of a rating reply, canonical."""
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["response", "rationale", "score"],
        "properties": {
            "response": {"type": "integer"},
            "rationale": {"type": "string"},
            "score": {"type": "integer", "enum": list(range(instrument.low, instrument.high + 1))},
        },
    }
    return canonical({"type": "object", "additionalProperties": False, "required": ["ratings"], "properties": {"ratings": {"type": "array", "items": one}}})


def last_object(text: str, key: str) -> dict[str, Any] | None:
    """The last JSON object in an answer that has `key`, or None."""
    decoder, found, at = json.JSONDecoder(), None, text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict) and key in value:
            found = value
        at = text.find("{", end)
    return found


def read_ratings(text: str, count: int, instrument: Instrument) -> list[Score] | None:
    """The scores of `count` replies in order; None unless each reply has exactly one whole score on the scale."""
    answer = last_object(text, "ratings")
    rows = answer["ratings"] if answer else None
    if not isinstance(rows, list) or len(rows) != count:
        return None
    scores: dict[int, Score] = {}
    for row in rows:
        if not isinstance(row, dict) or type(row.get("response")) is not int or type(row.get("score")) is not int:
            return None
        if not instrument.low <= row["score"] <= instrument.high:
            return None
        rationale = str(row.get("rationale", "")).encode("utf-8", "replace").decode()  # half a surrogate pair cannot be kept
        scores[row["response"]] = Score(row["score"], rationale)
    return [scores[n] for n in range(1, count + 1)] if set(scores) == set(range(1, count + 1)) else None
