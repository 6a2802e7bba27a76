"""Speeches, what is answered to them, and what of it is scored, lost or learnt from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Split = Literal["", "train", "dev", "test", "gold"]
# Of repeats held-out ones stay, and what a source has placed before what it has not.
FIRST: tuple[Split, ...] = ("test", "dev", "gold", "train", "")
LENT = "~"  # before a group's id, between collect and dedup: only a repeat without a split has it
# A column that older files lack; where all of it is its default, a table's digest is that of the
# table without it.
LATER = {"later": True}


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
    not masked and so not kept; its speech_id is made of its origin); of a row of a preference file
    that states no pair: 'no chosen' (or another field), 'empty turn', 'tool turns', 'two prompts'
    (no replies to one client turn, or other system messages), 'no transcript', 'no pair'. Of
    `clean`: 'long', 'short', 'boilerplate' (a site's notice or a filler, nobody speaks), 'wordless'
    (under half letters),
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


class Reason(NamedTuple):
    """Why there is no usable answer: the outcome ('refused', 'malformed', 'too long', ...), the
    stage, and the item of an instrument where one was asked for.
    """

    outcome: str
    stage: str = ""
    item: str = ""

    def text(self) -> str:
        """As it stands in `Failure.reason`: "outcome: stage item"."""
        return f"{self.outcome}: {self.stage} {self.item}".rstrip(" :")


def reason_of(text: str) -> Reason:
    """What `Reason.text` wrote.

    The parts are one column, not three: a table of failures with columns more would have another
    digest, and every step that was made from such a table would be made again.
    """
    outcome, _, rest = text.partition(": ")
    stage, _, item = rest.partition(" ")
    return Reason(outcome, stage, item)


class Group(NamedTuple):
    """A group that a speech is of, between `collect` and `dedup`: its id, and whether it is lent,
    that is, known only from a repeat without a split of its own.
    """

    group_id: str
    lent: bool = False


def groups_of(text: str) -> tuple[Group, ...]:
    """The groups that stand in `Speech.group`, in order; what `group_text` wrote."""
    return tuple(Group(one.removeprefix(LENT), one.startswith(LENT)) for one in text.split())


def group_text(groups: Iterable[Group]) -> str:
    """Groups as one text, each once. One column of text, not a list and a flag, since steps made
    from speeches are known by that table's digest.
    """
    marked = [LENT * lent + group_id for group_id, lent in groups]
    return " ".join(dict.fromkeys(marked))


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that ended without a usable answer: the subject, the outcome and the request it leads
    back to.
    """

    failure_id: str
    subject_id: str
    reason: str
    call_id: str = ""

    def parts(self) -> "Reason":
        """The reason taken apart."""
        return reason_of(self.reason)


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
class Point:
    """One point of a training curve: the value of `name` (loss, accuracy, ...) after optimiser step
    `step`.
    """

    point_id: str
    name: str
    step: int
    value: float
