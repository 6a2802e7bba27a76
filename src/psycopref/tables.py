"""Every row type: the vocabulary of the project. The first field of a row is its key."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["", "train", "dev", "test", "gold"]
FIRST: tuple[Split, ...] = (
    "test",
    "dev",
    "gold",
    "train",
    "",
)  # of repeats held-out ones stay, and what a source has placed before what it has not
Choice = Literal["chosen", "rejected", "tie"]
Winner = Literal["first", "second", "tie"]
Kind = Literal["estimate", "count", "duration", "money", "p", "setting"]
# What a figure's last word says it is; every other figure is an estimate and has an interval.
_WORDS: dict[Kind, str] = {
    "count": (
        "read kept dropped responses ratings failures asked made failed speeches pairs without_pair"
        " without_interval wins ties losses flips unmatched longer shorter no_overlap separated"
        " above below level unpaired apart unscored null_opponents repeat_failed sheets annotators"
        " answered unsafe masked"
    ),
    "duration": "seconds",
    "money": "dollars",
    "setting": "threshold",
    "p": "p holm_p interaction_p sign_p mcnemar_p",
}
KINDS: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
LENT = "~"  # before a group's id, between collect and dedup: only a repeat without a split has it
LATER = {
    "later": True
    # a column that older files lack; where all of it is its default, a table's digest is that of
    # the
    # table without it
}


def content_id(noun: str, *parts: str | int | float) -> str:
    """An id made of content: `noun-` and 16 hex digits of the sha256 of the length-prefixed
    parts.
    """
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
    """What a client says; `history` holds the turns before it (empty in the paper). `topic` is a
    fine topic, a coarse one or ''.

    A coarse topic stands there where no more was given or only that was sure; `topic_list` and
    `columns.coarse` take it for its own. `split` 'gold' marks the train speeches set apart for a
    gold reward model; nothing else may use them. Speeches of one `group` ('' for none: one
    client's, or near duplicates of each other) go into one split; it is an id made of content,
    never what the source wrote. Until near duplicates are dropped it may be several ids with spaces
    between them, where other groups repeat the speech.
    """

    speech_id: str
    source: str
    text: str
    history: tuple[Turn, ...] = ()
    topic: str = ""
    split: Split = ""
    group: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True)
class TopicLabel:
    """What a labeller said of a speech that came without a topic. `topic` is what the speech now
    has: '' where the labeller was unsure.

    `fine` and `coarse` are its best guesses all the same, with their estimated probabilities (None
    from a judge, whose `call_id` says where the answer is). A speech that came with a topic, or
    whose judge gave none, has no row.
    """

    speech_id: str
    labeller: Literal["classifier", "judge"]
    topic: str
    fine: str
    coarse: str
    fine_probability: float | None = None
    coarse_probability: float | None = None
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A speech that was left out, why, where it stood in its source, and the speech it repeated (or
    '').

    Reasons of `collect`: 'empty' (nothing left after repair), 'duplicate' (the same but for case,
    punctuation and white space; `near` is the one kept), 'long' (a text of over 100,000 characters,
    not masked and so not kept; its speech_id is made of its origin). Of `clean`: 'long', 'short',
    'boilerplate' (a site's notice or a filler, nobody speaks), 'wordless' (under half letters),
    'language de' (clearly that language and not the wanted one), 'not first person', 'no request'.
    Of `dedup`: 'near duplicate', 'same meaning' and 'straddles' (would link two splits; `near` is
    one that stays). `origin` is given by `collect` alone: the row's number, and the id only where
    it is one that a published corpus made.
    """

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
    """A call that ended without a usable answer: the subject, the outcome and the request it leads
    back to.
    """

    failure_id: str
    subject_id: str
    reason: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """Of two responses to one speech the better one, and by how much (in points of the overall
    score).
    """

    preference_id: str
    speech_id: str
    chosen_id: str
    rejected_id: str
    gap: float
    split: Split = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an expert said of a preference pair: item 'overall' or an instrument's item, in source
    terms, never 'left'.

    `shown_first` is the response that stood first on this expert's sheet ('' where that is not
    known), `repeat` is 1 where the pair was shown a second time, `seconds` the time for the sheet's
    row (0 where nobody measured it).
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
    """What an expert gave a single response on one item of an instrument, in points of its
    scale.
    """

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
    """One figure: `low` and `high` bound a 95 % interval, `count` is what it rests on.

    Only counts, durations, money, settings and p-values stand without an interval; `kind_of` knows
    them by name. ValueError for any other bare figure.
    """

    metric_id: str
    name: str
    slice: str
    value: float
    low: float | None = None
    high: float | None = None
    count: int = 0

    def __post_init__(self) -> None:
        kind = kind_of(self.name)
        if kind == "estimate" and (self.low is None or self.high is None or self.count < 1):
            raise ValueError(
                f"metric {self.name!r} of {self.slice!r}: an estimate needs low, high and a count"
                " of at least 1; give its interval (`estimate` says where there is none), or, if"
                " it is a count, a duration or money, add the last word of its name to KINDS in"
                " tables.py"
            )
        if kind == "p" and self.count < 1:
            raise ValueError(
                f"metric {self.name!r} of {self.slice!r}: a p-value needs the count that it"
                " rests on"
            )


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a training curve: the value of `name` (loss, accuracy, ...) after optimiser step
    `step`.
    """

    point_id: str
    name: str
    step: int
    value: float


def kind_of(name: str) -> Kind:
    """What a metric's last word says it is: 'count', 'duration', 'money', 'p' (a p-value),
    'setting', else 'estimate'; guards are counted, tripped or not.
    """
    if name.startswith("guard."):
        return "count"
    return KINDS.get(name.rpartition(".")[2], "estimate")


def metric(
    name: str,
    slice_: str,
    value: float,
    low: float | None = None,
    high: float | None = None,
    count: int = 0,
) -> Metric:
    """A Metric row with its id made of name and slice; ValueError for an estimate without interval
    or count (see `estimate`).
    """
    return Metric(content_id("metric", name, slice_), name, slice_, float(value), low, high, count)


def estimate(
    name: str, slice_: str, found: tuple[float, float | None, float | None, int]
) -> list[Metric]:
    """The row of a figure (value, low, high, n), none where it could not be worked out (NaN).

    Where it has no interval (it never varies, or one speech is all there is) a count
    `<name>.without_interval` says on how many observations, in place of a bare figure.
    """
    value, low, high, count = found
    if value != value:
        return []
    if low is None or high is None:
        return [metric(f"{name}.without_interval", slice_, count, count=count)]
    return [metric(name, slice_, value, low, high, count)]
