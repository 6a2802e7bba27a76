"""A token-classification model that names spans of a text: an ordinary Hugging Face folder, or a
Hub id.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from psycopref.errors import SourceError
from psycopref.nets.no_code import NO_CODE, why

Spans = list[tuple[int, int, str]]
_OVERLAP = 32  # tokens that two windows of a long text share
_WINDOW = 512


class Entities:
    """Texts to spans (start, end, kind), by a model whose labels `kinds` maps (`PER` for `B-PER`
    and `I-PER`); all other labels are left out.

    A token counts from `threshold` on (its label's softmax probability); a span takes whole words.
    Long texts are read in windows that overlap.
    """

    def __init__(
        self,
        model: str,
        kinds: Mapping[str, str] | None = None,
        threshold: float = 0.5,
        rows: int = 32,
    ) -> None:
        from transformers import AutoModelForTokenClassification, AutoTokenizer

        name, _, revision = model.partition("@") if not Path(model).exists() else (model, "", "")
        asked = NO_CODE | ({"revision": revision} if revision else {})
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name, **asked)
            self._model: Any = AutoModelForTokenClassification.from_pretrained(name, **asked).eval()
        except (OSError, ValueError) as error:
            raise SourceError(
                f"masking: {model!r} is no token-classification model that can be loaded"
                f" ({why(error)}); give its folder or Hub id"
            ) from error
        if not self._tokenizer.is_fast:
            raise SourceError(
                f"masking: the tokenizer of {model!r} says no character offsets; a model with a"
                " `tokenizer.json` is needed"
            )
        self._model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._kinds = wanted(
            self._model.config.id2label, kinds or {"PER": "NAME", "PERSON": "NAME"}, model
        )
        self._threshold, self._rows = threshold, rows

    def __call__(self, texts: Sequence[str]) -> list[Spans]:
        """The spans of each text, in order; windows are read `rows` at a time, longest first."""
        size = min(
            self._tokenizer.model_max_length,
            getattr(self._model.config, "max_position_embeddings", _WINDOW) - 2,
            _WINDOW,
        )
        coded = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=size,
            stride=min(_OVERLAP, size // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        out: list[Spans] = [[] for _ in texts]
        order = sorted(range(len(coded["input_ids"])), key=lambda at: len(coded["input_ids"][at]))
        for rows in _batches(order, self._rows):
            for row, tokens in zip(
                rows, self._labels([coded["input_ids"][row] for row in rows]), strict=True
            ):
                text = texts[coded["overflow_to_sample_mapping"][row]]
                out[coded["overflow_to_sample_mapping"][row]] += spans(
                    text, coded["offset_mapping"][row], tokens
                )
        return [sorted(set(found)) for found in out]

    def _labels(self, ids: list[list[int]]) -> Iterator[list[str]]:
        """The kind of each token, nothing where it is none that is wanted or not sure enough."""
        padded = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._model.device)
        with torch.no_grad():
            sure_RT, label_RT = self._model(**padded).logits.float().softmax(-1).max(-1)
        for row, sure_T, label_T in zip(ids, sure_RT.tolist(), label_RT.tolist(), strict=True):
            start = 0 if self._tokenizer.padding_side == "right" else len(sure_T) - len(row)
            yield [
                self._kinds.get(label, "") if sure >= self._threshold else ""
                for sure, label in zip(sure_T[start:], label_T[start:], strict=True)
            ][: len(row)]


def wanted(names: Mapping[int, str], kinds: Mapping[str, str], model: str) -> dict[int, str]:
    """Label number to kind for the labels that are mapped; an error that names the model's labels
    where none is.
    """
    bare = {
        int(number): (
            name.split("-", 1)[1] if name[:2] in ("B-", "I-", "E-", "S-", "L-", "U-") else name
        )
        for number, name in names.items()
    }
    found = {number: kinds[name] for number, name in bare.items() if name in kinds}
    if not found:
        raise SourceError(
            f"masking: {model!r} has none of the labels {sorted(kinds)}; it has"
            f" {sorted(set(bare.values()))}: map those with `labels`"
        )
    return found


def spans(text: str, offsets: Sequence[tuple[int, int]], kinds: Sequence[str]) -> Spans:
    """Tokens of one kind that touch, or that only white space parts, as spans of whole words."""
    out: Spans = []
    for (start, end), kind in zip(offsets, kinds, strict=True):
        if not kind or start == end:
            continue
        while start and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
            end += 1
        while start < end and text[start].isspace():
            start += 1
        if out and out[-1][2] == kind and not text[out[-1][1] : start].strip():
            out[-1] = (out[-1][0], max(end, out[-1][1]), kind)
        elif start < end:
            out.append((start, end, kind))
    return out


def _batches(order: Sequence[int], size: int) -> Iterator[list[int]]:
    rest = iter(order)
    while batch := list(islice(rest, size)):
        yield batch
