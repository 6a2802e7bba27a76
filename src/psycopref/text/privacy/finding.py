"""What in a text is personal data."""

from psycopref.text.privacy.contacts import contacts
from psycopref.text.privacy.names import names
from psycopref.text.privacy.numbers import numbers
from psycopref.text.privacy.reading import read
from psycopref.text.privacy.spans import Span, brought_back, joined, outside, replaced

_PASSES = 6


def find(text: str) -> list[Span]:
    """Every span of personal data in order, none over another; a masked text is looked at again, so
    that masking it once more changes nothing.
    """
    spans: list[Span] = []
    now = text
    for _ in range(_PASSES):
        reading = read(now)
        keys = set(reading.keys)
        new = outside([*contacts(now, keys), *numbers(now, keys), *names(reading, keys)], now)
        if not new:
            break
        spans = joined([*spans, *brought_back(joined(new, now), spans)], text)
        now = replaced(text, spans)
    return spans


def mask(text: str) -> str:
    """The text with personal data replaced; masking twice changes nothing more."""
    return replaced(text, find(text))
