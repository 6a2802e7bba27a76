"""Pairs that stand for those of responses that nobody has rated yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from psycopref.needs import PAIRS
from psycopref.tables import Preference, Speech


class Standing(NamedTuple):
    """Pairs of every split, and of the test split all that there can be."""

    preferences: list[Preference]
    measure: list[Preference]


def standing_for(
    speeches: Sequence[Speech],
    responses: Mapping[str, Sequence[str]],
    gap: float,
    every_train: bool,
    every_test: bool,
) -> Standing:
    """As many pairs as the paper had for its speeches (of each split, to the nearest whole number),
    or one a speech where only best and worst are paired. `responses` has their ids by speech.
    """
    out = Standing([], [])
    seen: Counter[str] = Counter()
    for speech in speeches:
        is_test = speech.split == "test"
        every = every_test if is_test else every_train
        rows = [
            Preference(f"preference-{one}-{two}", speech.speech_id, one, two, gap, speech.split)
            for one, two in combinations(sorted(responses.get(speech.speech_id, ())), 2)
        ]
        each = PAIRS if every else 1.0
        before = seen[speech.split]
        seen[speech.split] += 1
        out.preferences.extend(rows[: round((before + 1) * each) - round(before * each)])
        out.measure.extend(rows if is_test else ())
    return out
