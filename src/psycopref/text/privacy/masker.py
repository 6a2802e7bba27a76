"""Masking many texts: the rules, joined with what a named-entity model finds, and a count of what
was masked.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from psycopref.text.privacy.finding import find
from psycopref.text.privacy.spans import Span, joined, outside, replaced

Model = Callable[[Sequence[str]], Sequence[Sequence[tuple[int, int, str]]]]


class Masker:
    """Texts to masked texts; `counts` says how many spans of each kind were masked so far."""

    def __init__(self, model: Model | None = None) -> None:
        self._model = model
        self.counts: Counter[str] = Counter()
        self.texts = 0

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The texts with placeholders, in order."""
        found = [find(text) for text in texts]
        if self._model is not None:
            more = self._model(texts)
            found = [
                _both(text, rules, [Span(*span) for span in spans])
                for text, rules, spans in zip(texts, found, more, strict=True)
            ]
        self.texts += len(texts)
        for spans in found:
            self.counts.update(span.kind for span in spans)
        return [replaced(text, spans) for text, spans in zip(texts, found, strict=True)]


def _both(text: str, rules: Sequence[Span], model: Sequence[Span]) -> list[Span]:
    return joined([*rules, *outside(model, text)], text)
