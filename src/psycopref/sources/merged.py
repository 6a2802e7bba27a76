"""Entries of all sources as rows, each text once: what a repeat says of the speech that is kept."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import polars as pl

from psycopref.sources.found import Found
from psycopref.store.parquet import Gather, Table
from psycopref.store.secret import group_id
from psycopref.tables import (
    FIRST,
    Dropped,
    Group,
    Preference,
    Rating,
    Response,
    Speech,
    Split,
    Turn,
    content_id,
    group_text,
    groups_of,
)
from psycopref.text.normal import folded

Brought = TypeVar("Brought", Response, Rating, Preference)
# What is odd in a pair that a source states: both sides say the same; its speech stands in another
# split (these two are left out); the side it prefers is rated lower; it prefers both ways.
PairFault = Literal["equal", "other split", "backwards", "contradicted"]
# Characters of a text that is repaired and masked; a hundred times the paper's longest speech.
LONGEST = 100_000


def speech_id(text: str, history: Sequence[Turn] = ()) -> str:
    """The id of a prepared text after the turns before it."""
    return content_id(
        "speech", text, *(part for turn in history for part in (turn.role, turn.text))
    )


def short(text: str) -> int:
    """62 bits of the text's sha256: a number is half the memory of an id, and an accident among a
    million ids has a chance of one in ten million.
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


class Merged:
    """Collects rows of prepared text by id, so that each stands once; `key` is the workspace's,
    which ids of groups are made with.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self._speeches = Gather(Speech)
        self._by_sound: dict[int, str] = {}
        self._splits: dict[str, Split] = {}
        self._late = _Late({}, {}, {})
        self.dropped: list[Dropped] = []
        self.pairs: Counter[tuple[str, PairFault]] = Counter()
        # By speech, so that what came under another split can go.
        self._brought: dict[str, dict[str, Response | Rating | Preference]] = {}

    def bearable(self, source: str, found: Found) -> bool:
        """Whether no text of an entry is too long to be repaired and masked; an entry that has one
        is dropped.
        """
        texts = [
            found.text,
            *(turn.text for turn in found.history),
            *(answer.text for answer in found.answers),
        ]
        if max(map(len, texts)) <= LONGEST:
            return True
        self._drop(
            content_id("speech", "long", source, found.place or found.origin), source, found, "long"
        )
        return False

    def take(self, source: str, found: Found) -> None:
        """Keep an entry whose texts are prepared."""
        text, history = found.text, found.history
        if found.unusable:  # without a text its id is made of where it stands
            own = content_id("speech", "unusable", source, found.place or found.origin)
            self._drop(own, source, found, found.unusable)
            return
        own = speech_id(text, history)
        if not folded(text):
            self._drop(own, source, found, "empty")
            return
        # An id, since what the source wrote may be a person's name.
        named = [one for one in (found.group, *found.also) if one]
        groups = [Group(group_id(self._key, source, one)) for one in named]
        sound = short(
            speech_id(folded(text), [Turn(turn.role, folded(turn.text)) for turn in history])
        )
        first = self._by_sound.get(sound, "")
        if first:
            self._drop(own, source, found, "duplicate", first)
            self._repeat(first, found, groups)
        else:
            first = self._by_sound[sound] = own
            self._speeches.add(
                Speech(own, source, text, history, found.topic, found.split, group_text(groups))
            )
            if found.split:
                self._splits[own] = found.split
        if self._splits.get(first, "") == found.split:
            self._bring(first, source, found)
        else:
            self.pairs[source, "other split"] += len(found.pairs)

    def _repeat(self, first: str, found: Found, groups: Sequence[Group]) -> None:
        """What a duplicate says of the speech that is kept; a test speech is one whichever source
        is read first.
        """
        before = self._splits.get(first, "")
        if FIRST.index(found.split) < FIRST.index(before):
            self._splits[first] = self._late.splits[first] = found.split
            if before:
                self._brought.pop(first, None)
        if groups:
            own = [group._replace(lent=not found.split) for group in groups]
            known = [*self._late.groups.get(first, []), *own]
            self._late.groups[first] = list(dict.fromkeys(known))
        if found.topic:
            self._late.topics.setdefault(first, found.topic)

    def _drop(self, own: str, source: str, found: Found, reason: str, near: str = "") -> None:
        place = found.place or found.origin  # an id may be a person's name or address
        self.dropped.append(
            Dropped(
                content_id("dropped", "collect", source, place),
                own,
                f"{source}:{place}",
                reason,
                near,
            )
        )

    def _bring(self, subject: str, source: str, found: Found) -> None:
        if not found.answers:
            return
        brought = self._brought.setdefault(subject, {})
        ids, means = [], []
        for answer in found.answers:
            key = content_id("response", subject, answer.model, answer.text)
            brought.setdefault(key, Response(key, subject, answer.model, answer.text))
            for item, score, rationale in answer.ratings:
                rating = content_id("rating", key, item, source)
                brought.setdefault(rating, Rating(rating, key, item, source, score, rationale))
            ids.append(key)
            means.append(
                sum(score for _, score, _ in answer.ratings) / len(answer.ratings)
                if answer.ratings
                else 0.0
            )
        for one, other in found.pairs:
            if ids[one] == ids[other]:
                self.pairs[source, "equal"] += 1
                continue
            self.pairs[source, "backwards"] += means[one] < means[other]
            reverse = content_id("preference", ids[other], ids[one])
            self.pairs[source, "contradicted"] += reverse in brought
            key = content_id("preference", ids[one], ids[other])
            gap = means[one] - means[other]
            brought.setdefault(
                key, Preference(key, subject, ids[one], ids[other], gap, found.split)
            )

    def speeches(self) -> Table[Speech]:
        """The speeches that are kept, in order, with what duplicates said of them."""
        return Table(Speech, self._late.on(self._speeches.table(ordered=False).frame))

    def brought(self, kind: type[Brought]) -> list[Brought]:
        """The rows of one kind that came with the speeches that are kept."""
        rows = (row for own in self._brought.values() for row in own.values())
        return [row for row in rows if isinstance(row, kind)]


class _Late(NamedTuple):
    """Split, groups and topic of speeches by id, as later duplicates give them."""

    splits: dict[str, Split]
    groups: dict[str, list[Group]]
    topics: dict[str, str]

    def on(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The speeches with all of it."""
        known = pl.Series([*self.splits, *self.groups, *self.topics], dtype=pl.String).unique()
        changed = frame.select("speech_id", "topic", "split", "group").filter(
            pl.col("speech_id").is_in(known.implode())
        )
        if changed.is_empty():
            return frame
        new: dict[str, list[str]] = {"speech_id": [], "topic": [], "split": [], "group": []}
        for key, topic, split, group in changed.iter_rows():
            new["speech_id"].append(key)
            new["topic"].append(topic or self.topics.get(key, ""))
            now = self.splits.get(key, split)
            new["split"].append(now)
            # A group is lent as long as only a repeat without a split has it.
            own = [one._replace(lent=not split) for one in groups_of(group)]
            groups = [*own, *self.groups.get(key, [])]
            if not now:
                groups = [one._replace(lent=False) for one in groups]
            new["group"].append(group_text(groups))
        return frame.update(
            pl.DataFrame(new, schema=dict.fromkeys(new, pl.String)),
            on="speech_id",
            how="left",
            maintain_order="left",
        )
