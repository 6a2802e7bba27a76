"""Instrument and texts to the asks that rate."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from psycopref.config.instruments import Instrument, Item
from psycopref.config.prompts import Prompt, fence, history_text
from psycopref.judging.answers import KEY
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask
from psycopref.store.keys import canonical
from psycopref.tables import Speech


def rating_ask(
    prompt: Prompt,
    instrument: Instrument,
    item: Item | None,
    judge: ModelEntry,
    speech: Speech,
    texts: Sequence[str],
    attempt: int = 0,
    draw: int = 0,
) -> Ask:
    """One call that rates several replies to one speech on one item, or with None on all; items
    come last, so that prefixes are shared.
    """
    responses = "\n\n".join(
        f'<response id="{n}">\n{fence(text)}\n</response>' for n, text in enumerate(texts, 1)
    )
    shown = {"history": history_text(speech), "speech": fence(speech.text), "responses": responses}
    asked = (
        _all_items(instrument)
        if item is None
        else {"title": item.title, "definition": item.definition, "criteria": _criteria(item)}
    )
    messages = prompt.fill(**shown, low=instrument.low, high=instrument.high, **asked)
    schema = (
        rating_schema(instrument) if item is not None else rating_schema(instrument, all_items=True)
    )
    return Ask(
        judge.name,
        messages,
        judge.temperature,
        judge.max_tokens,
        schema,
        draw=draw,
        attempt=attempt,
    )


def _criteria(item: Item) -> str:
    return "\n".join(f"- {line}" for line in item.criteria)


def _all_items(instrument: Instrument) -> dict[str, str]:
    """All items with what they are called in the answer, and the form of one entry's scores."""
    return told(
        instrument,
        lambda scale: {
            item.name: {"rationale": "one sentence", "score": scale.low} for item in scale.items
        },
    )


def told(instrument: Instrument, form: Callable[[Instrument], dict[str, Any]]) -> dict[str, str]:
    """The slots of a prompt on all items: each item by the name that the answer has to use, and the
    `form` of the answer.
    """
    lines = [
        f"{item.name}: {item.title}. {item.definition}\n{_criteria(item)}".rstrip()
        for item in instrument.items
    ]
    return {
        "principles": "\n\n".join(lines),
        "form": json.dumps(form(instrument), ensure_ascii=False),
    }


@lru_cache(maxsize=64)
def rating_schema(instrument: Instrument, all_items: bool = False) -> str:
    """The JSON schema of a rating reply, canonical: an entry per reply with rationale and score, or
    with these for every item.
    """
    score = {"type": "integer", "enum": list(range(instrument.low, instrument.high + 1))}
    one = {"rationale": {"type": "string"}, "score": score}
    names = [item.name for item in instrument.items]
    entry = {
        "response": {"type": "integer"},
        **(
            {"scores": _object(names, dict.fromkeys(names, _object(list(one), one)))}
            if all_items
            else one
        ),
    }
    return canonical(_object([KEY], {KEY: {"type": "array", "items": _object(list(entry), entry)}}))


def _object(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }
