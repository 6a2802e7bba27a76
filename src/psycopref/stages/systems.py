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
from psycopref.queries.verdicts import scores_by_speech
from psycopref.settings import Stage
from psycopref.stats.claims import holm, paired_systems
from psycopref.stats.intervals import mean_interval
from psycopref.stats.several import bradley_terry
from psycopref.tables import Figure, Metric, Response, Verdict

EACH = ("{system}",)
TWO = ("{later} - {earlier}",)
WIN_RATE = Figure("systems.winrate", "estimate", EACH, "each state's rate against the opponent")
DIFFERENCE = Figure("systems.difference", "estimate", TWO, "later rate less the earlier, paired")
ABOVE = Figure("systems.difference.above", "count", TWO, "prompts that the later one did better on")
BELOW = Figure("systems.difference.below", "count", TWO, "prompts that it did worse on")
LEVEL = Figure("systems.difference.level", "count", TWO, "prompts with the same score")
UNPAIRED = Figure("systems.difference.unpaired", "count", TWO, "prompts that one has no score for")
SIGN_P = Figure("systems.difference.sign_p", "p", TWO, "exact sign test on scores")
MCNEMAR_P = Figure("systems.difference.mcnemar_p", "p", TWO, "exact test on won against not won")
HOLM_P = Figure("systems.difference.holm_p", "p", TWO, "sign test, adjusted over all differences")
STRENGTH = Figure("systems.strength", "estimate", EACH, "Bradley-Terry strength in log-odds")
APART = Figure("systems.strength.apart", "count", ("all",), "groups that never lost to another")
RANK = Figure("systems.rank", "estimate", EACH, "place by strength; best and worst possible")


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
        """Each prompt's score for the first system, by `queries.verdicts`; a prompt of which an
        order failed has none.
        """
        ours = [row.response_id for row in self.answers]
        return scores_by_speech(self.verdicts, ours, self.orders)


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
        rows: list[Metric] = []
        for name, own in scores.items():
            rate = mean_interval(list(own.values()), list(own), self.draws, self.seed, share=True)
            rows += WIN_RATE.rows(rate, system=name)
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
        of, n = {"later": one, "earlier": two}, own.difference.n
        rows += DIFFERENCE.rows(own.difference, **of)
        rows += ABOVE.rows(own.signs.above, n, **of)
        rows += BELOW.rows(own.signs.below, n, **of)
        rows += LEVEL.rows(own.signs.level, n, **of)
        rows += UNPAIRED.rows(own.unpaired, n, **of)
        if n:
            rows += SIGN_P.rows(own.signs.p, n, **of)
            rows += MCNEMAR_P.rows(own.mcnemar, n, **of)
            rows += HOLM_P.rows(adjusted, n, **of)
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
        return APART.rows(len(found.apart), len(games))
    rows: list[Metric] = []
    for name, strength, rank in zip(found.systems, found.strength, found.ranks, strict=True):
        rows += STRENGTH.rows(strength, system=name)
        rows += RANK.rows((rank.place, rank.best, rank.worst, strength.n), system=name)
    return rows
