"""Spans of personal data in a text: joined where they touch, and replaced by placeholders."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

KINDS = ("NAME", "EMAIL", "PHONE", "URL", "ADDRESS", "HANDLE", "DATE", "ID")
PLACEHOLDERS = tuple(f"<{kind}>" for kind in KINDS)
_HELD = re.compile("|".join(PLACEHOLDERS))


class Span(NamedTuple):
    """The characters `start` to `end` (exclusive) of a text are personal data of a kind."""

    start: int
    end: int
    kind: str


def joined(spans: Iterable[Span], text: str) -> list[Span]:
    """The spans in order, none over another: what overlaps becomes one span of the kind of its
    longest part, names with a space between one name.
    """
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        last = out[-1] if out else None
        if last and span.start < last.end:
            kind = span.kind if span.end - span.start > last.end - last.start else last.kind
            out[-1] = Span(last.start, max(last.end, span.end), kind)
        elif last and last.kind == span.kind == "NAME" and text[last.end : span.start] == " ":
            out[-1] = Span(last.start, span.end, "NAME")
        else:
            out.append(span)
    return out


def clear_of(spans: Iterable[Span], held: Sequence[Span]) -> list[Span]:
    """The spans that overlap none of `held` (in order, none over another)."""
    starts = [one.start for one in held]
    return [
        span
        for span in spans
        if not (at := bisect_left(starts, span.end)) or held[at - 1].end <= span.start
    ]


def outside(spans: Iterable[Span], text: str) -> list[Span]:
    """The spans that touch no placeholder which the text already has."""
    held = [Span(*match.span(), "") for match in _HELD.finditer(text)] if "<" in text else []
    return clear_of(spans, held)


def replaced(text: str, spans: Sequence[Span]) -> str:
    """The text with a placeholder for each span (in order, none over another)."""
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"<{span.kind}>"]
        at = span.end
    return "".join([*parts, text[at:]])


def brought_back(later: Iterable[Span], spans: Sequence[Span]) -> list[Span]:
    """Spans of a masked text as spans of the text before `spans` were replaced in it."""
    out, at, shift = [], 0, 0
    for span in sorted(later):
        while at < len(spans) and spans[at].start + shift <= span.start:
            shift += len(spans[at].kind) + 2 - (spans[at].end - spans[at].start)
            at += 1
        out.append(Span(span.start - shift, span.end - shift, span.kind))
    return out
