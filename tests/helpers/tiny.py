"""A tiny world: speeches of two splits, four responses each, and pairs that a word decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from psycopref.nets.start import Size
from psycopref.tables import Preference, Response, Speech, Split, content_id

TINY = Size(vocab=400, hidden=32, layers=2, heads=2, kv_heads=1, inner=48, positions=512)
GOOD, BAD = (
    "I hear how heavy this is. What would help you most today?",
    "Just stop worrying. Everyone has problems, get over it.",
)


class World(NamedTuple):
    speeches: list[Speech]
    responses: list[Response]
    preferences: list[Preference]


def build_world() -> World:
    speeches, responses, preferences = [], [], []
    for number in range(16):
        split: Split = "train" if number < 12 else "dev"
        text = f"My week number {number} was hard and I cannot sleep. " + "It goes on. " * (
            number % 5
        )
        speech = Speech(content_id("speech", text), "test", text, split=split)
        pair = [
            Response(content_id("response", speech.speech_id, t), speech.speech_id, m, t)
            for m, t in (("a", f"{GOOD} {number}"), ("b", f"{BAD} {number}"))
        ]
        speeches.append(speech)
        responses += pair
        preferences.append(
            Preference(
                content_id("preference", number),
                speech.speech_id,
                pair[0].response_id,
                pair[1].response_id,
                2.0,
                split,
            )
        )
    return World(speeches, responses, preferences)


@contextmanager
def killed_at(call: int, measure: str) -> Iterator[None]:
    """Interrupt what runs inside when `forward.<measure>` is called for that time."""
    from psycopref.nets import forward

    real, calls = getattr(forward, measure), 0

    def dying(model: Any, rows: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return real(model, rows)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(forward, measure, dying)
        yield
