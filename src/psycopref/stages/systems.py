"""The policy's states (start, DPO, last round) against one opponent on the same prompts, and
against each other by what they share.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from pydantic import Field

from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.settings import Stage
from psycopref.stats.claims import holm, paired_systems
from psycopref.stats.intervals import mean_interval
from psycopref.stats.several import bradley_terry
from psycopref.tables import Metric, Response, Verdict, Winner, estimate, metric

_POINTS: dict[Winner, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


class Faced(NamedTuple):
    """What a judge said of one system's answers against another's, and in how many orders it was
    asked.
    """

    first: str
    second: str
    verdicts: Sequence[Verdict]
    answers: Sequence[Response]
    orders: int

    def scores(self) -> dict[str, float]:
        """Each prompt's score for the first system: the mean of the orders; a prompt that lacks one
        has none.
        """
        ours = {row.response_id for row in self.answers}
        seen: dict[str, list[float]] = {}
        for row in self.verdicts:
            if row.item == "overall":
                point = _POINTS[row.winner]
                seen.setdefault(row.speech_id, []).append(
                    point if row.first_id in ours else 1 - point
                )
        return {
            speech: sum(points) / self.orders
            for speech, points in seen.items()
            if len(points) == self.orders
        }


class Ranked(NamedTuple):
    """The figures; see Systems."""

    metrics: Sequence[Metric]


class Systems(Stage):
    """Several systems that met one opponent on the same prompts: `systems.winrate`, paired
    `systems.difference` with tests (Holm over all differences), and Bradley-Terry
    `systems.strength` and `systems.rank` over everything. None where there is one system only.
    """

    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    def run(self, lab: Lab, against: Sequence[Faced], more: Sequence[Faced] = ()) -> Ranked:
        """The systems are the `first` of `against`; `more` are comparisons among them."""
        scores = {one.first: one.scores() for one in against}
        if len(scores) < 2:
            return Ranked([])
        rows = []
        for name, own in scores.items():
            found = mean_interval(list(own.values()), list(own), self.draws, self.seed, share=True)
            rows += estimate("systems.winrate", name, found)
        rows += _differences(scores, self.draws, self.seed)
        return Ranked([*rows, *_ranked([*against, *more], self.draws, self.seed)])

    def rehearse(self, against: Sequence[Faced], more: Sequence[Faced] = ()) -> tuple[Ranked, Need]:
        """No figure of comparisons that are not made."""
        return Ranked([]), Need()


def _differences(scores: Mapping[str, Mapping[str, float]], draws: int, seed: int) -> list[Metric]:
    """Every system less every earlier one, on the prompts that both have a score for."""
    pairs = [(later, earlier) for earlier, later in combinations(scores, 2)]
    prompts = sorted({prompt for own in scores.values() for prompt in own})
    columns = {
        name: np.array([own.get(prompt, np.nan) for prompt in prompts])
        for name, own in scores.items()
    }
    found = [paired_systems(columns[one], columns[two], prompts, draws, seed) for one, two in pairs]
    rows: list[Metric] = []
    for (one, two), own, adjusted in zip(
        pairs, found, holm([own.signs.p for own in found]), strict=True
    ):
        name, place, n = "systems.difference", f"{one} - {two}", own.difference.n
        counts = {
            "above": own.signs.above,
            "below": own.signs.below,
            "level": own.signs.level,
            "unpaired": own.unpaired,
        }
        rows += estimate(name, place, own.difference)
        rows += [
            metric(f"{name}.{field}", place, value, count=n) for field, value in counts.items()
        ]
        tests = {"sign_p": own.signs.p, "mcnemar_p": own.mcnemar, "holm_p": adjusted}
        rows += [
            metric(f"{name}.{field}", place, value, count=n) for field, value in tests.items() if n
        ]
    return rows


def _ranked(faced: Sequence[Faced], draws: int, seed: int) -> list[Metric]:
    """Strengths and sets of ranks; where no chain of wins joins all systems a count of the groups
    that are apart.
    """
    games = [
        (one.first, one.second, score, prompt)
        for one in faced
        for prompt, score in one.scores().items()
    ]
    if not games:
        return []
    first, second, scores, prompts = zip(*games, strict=True)
    found = bradley_terry(first, second, scores, prompts, draws=min(draws, 1000), seed=seed)
    if found.apart:
        return [metric("systems.strength.apart", "all", len(found.apart), count=len(games))]
    rows: list[Metric] = []
    for name, strength, rank in zip(found.systems, found.strength, found.ranks, strict=True):
        rows += estimate("systems.strength", name, strength)
        rows.append(metric("systems.rank", name, rank.place, rank.best, rank.worst, strength.n))
    return rows
