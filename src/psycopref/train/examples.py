"""From tables to things to learn from: responses or pairs of one split, as token ids."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopref.errors import TrainError
from psycopref.nets.tokens import Encoded, encode, encoded, messages, taught_target
from psycopref.tables import Point, Preference, Response, Speech, Split, content_id
from psycopref.train.packs import Item


class Found(NamedTuple):
    """What there is to learn from, and how many were left out as longer than the limit."""

    items: list[Item]
    too_long: int


def texts(speeches: Sequence[Speech], responses: Sequence[Response], split: Split) -> list[str]:
    """The speeches (with their history) of a split and the responses to them."""
    chosen = {speech.speech_id: speech for speech in speeches if speech.split == split}
    said = [
        text
        for speech in chosen.values()
        for text in (*(turn.text for turn in speech.history), speech.text)
    ]
    return said + [row.text for row in responses if row.speech_id in chosen]


def answers(
    tokenizer: Any,
    speeches: Sequence[Speech],
    responses: Sequence[Response],
    split: Split,
    max_length: int,
) -> Found:
    """Supervised items: every response to a speech of `split` ('' for none); half of them show
    their length as a word target.

    The weight of an item is its number of response tokens, so that a batch's loss is a mean over
    tokens.
    """
    if not split:
        return Found([], 0)
    chosen = {speech.speech_id: speech for speech in speeches if speech.split == split}
    rows = []
    for row in responses:
        if row.speech_id in chosen and row.text.strip():
            rows.append(
                encode(
                    tokenizer,
                    messages(chosen[row.speech_id], taught_target(row.response_id, row.text)),
                    row.text,
                )
            )
    return _fitting([Item((row,), float(len(row.response))) for row in rows], max_length)


def pairs(
    tokenizer: Any,
    speeches: Sequence[Speech],
    responses: Sequence[Response],
    preferences: Sequence[Preference],
    split: Split,
    max_length: int,
) -> Found:
    """Preference items of `split` ('' for none), chosen first; TrainError where a preference names
    a speech or response that is not there.
    """
    if not split:
        return Found([], 0)
    wanted = [row for row in preferences if row.split == split]
    used = {key for row in wanted for key in (row.chosen_id, row.rejected_id)}
    rows = encoded(tokenizer, speeches, [row for row in responses if row.response_id in used])
    missing = used - rows.keys()
    if missing:
        first = f"{len(missing)} of their responses are not in the tables ({min(missing)} first)"
        raise TrainError(
            f"preferences of split {split!r}: {first}; give the tables they were made from"
        )
    return _fitting(
        [Item((rows[row.chosen_id], rows[row.rejected_id]), gap=row.gap) for row in wanted],
        max_length,
    )


def with_others(items: Sequence[Item], split: str = "train") -> list[Item]:
    """The items, each with its chosen response set beside the prompt of the nearest item before
    that has another prompt (round the end).
    """
    prompts = [item.rows[0].prompt for item in items]
    if len(set(map(tuple, prompts))) == 1:
        what = (
            f"kto: all preferences of split {split!r} have the same prompt, so no response can be"
            " set beside another"
        )
        raise TrainError(
            f"{what}; give preferences of more speeches"
            + (', or set dev = ""' if split == "dev" else "")
        )
    out = []
    for at, item in enumerate(items):
        other = next(
            prompts[at - back] for back in range(1, len(items)) if prompts[at - back] != prompts[at]
        )
        out.append(item._replace(beside=(Encoded(other, item.rows[0].response),)))
    return out


def left_out(name: str, found: Found) -> Point:
    """A point at step 0 that says how many items were too long."""
    return Point(content_id("point", name, 0), name, 0, float(found.too_long))


def warning(found: Found, dev: Found, max_length: int) -> str:
    """What is left out of training, to be said before it begins; '' where nothing is."""
    lost = [
        f"{one.too_long} of {one.too_long + len(one.items)} {what}"
        for one, what in ((found, "examples"), (dev, "dev examples"))
        if one.too_long
    ]
    if not lost:
        return ""
    return (
        f"WARNING: {' and '.join(lost)} are longer than max_length = {max_length} tokens and left"
        " out; raise it, or shorten what is asked for"
    )


def _fitting(items: list[Item], max_length: int) -> Found:
    kept = [item for item in items if item.length <= max_length]
    return Found(kept, len(items) - len(kept))
