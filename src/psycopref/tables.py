"""Every row type: the vocabulary of the project. The first field of a row is its key."""

import hashlib
from dataclasses import dataclass
from typing import Literal

Split = Literal["", "train", "dev", "test", "gold"]
Choice = Literal["chosen", "rejected", "tie"]
Winner = Literal["first", "second", "tie"]


def content_id(noun: str, *parts: str | int | float) -> str:
    """An id made of content: `noun-` and 16 hex digits of the sha256 of the length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        raw = str(part).encode()
        digest.update(f"{len(raw)}:".encode() + raw)
    return f"{noun}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier turn of a conversation."""

    role: Literal["client", "counselor"]
    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """What a client says; `history` holds the turns before it (empty in the paper). `topic` is a fine topic or ''.

    `split` 'gold' marks the train speeches set apart for a gold reward model; nothing else may use them.
    """

    speech_id: str
    source: str
    text: str
    history: tuple[Turn, ...] = ()
    topic: str = ""
    split: Split = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A speech that was left out, why, where it stood in its source, and the speech it repeated (or '')."""

    dropped_id: str
    speech_id: str
    origin: str
    reason: str
    near: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A model's answer to a speech; `draw` counts samples of one model for one speech from 0."""

    response_id: str
    speech_id: str
    model: str
    text: str
    draw: int = 0
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """A judge's score of a subject (a response, a turn, a session) on one item of an instrument.

    A reward model's score is a Rating too: item 'reward', judge 'weights:<digest>', no rationale.
    """

    rating_id: str
    subject_id: str
    item: str
    judge: str
    score: float
    rationale: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that ended without a usable answer: the subject, the outcome and the request it leads back to."""

    failure_id: str
    subject_id: str
    reason: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """Of two responses to one speech the better one, and by how much (in points of the overall score)."""

    preference_id: str
    speech_id: str
    chosen_id: str
    rejected_id: str
    gap: float
    split: Split = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an expert said of a preference pair: item 'overall' or an instrument's item, in source terms, never 'left'.

    `shown_first` is the response that stood first on this expert's sheet ('' where that is not known), `repeat` is 1 where the pair was shown
    a second time, `seconds` the time for the sheet's row (0 where nobody measured it).
    """

    annotation_id: str
    preference_id: str
    annotator: str
    item: str
    choice: Choice
    seconds: float = 0.0
    note: str = ""
    shown_first: Literal["", "chosen", "rejected"] = ""
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class ExpertRating:
    """What an expert gave a single response on one item of an instrument, in points of its scale."""

    expert_rating_id: str
    response_id: str
    annotator: str
    item: str
    score: float
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's comparison of two responses in the order in which it saw them."""

    verdict_id: str
    speech_id: str
    first_id: str
    second_id: str
    item: str
    judge: str
    winner: Winner
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `low` and `high` bound a 95 % interval (None where none is claimed), `count` is what it rests on."""

    metric_id: str
    name: str
    slice: str
    value: float
    low: float | None = None
    high: float | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a training curve: the value of `name` (loss, accuracy, ...) after optimiser step `step`."""

    point_id: str
    name: str
    step: int
    value: float


def metric(name: str, slice_: str, value: float, low: float | None = None, high: float | None = None, count: int = 0) -> Metric:
    """A Metric row with its id made of name and slice."""
    return Metric(content_id("metric", name, slice_), name, slice_, float(value), low, high, count)
