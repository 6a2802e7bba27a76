"""Preference pairs to verdicts by a language model that is asked which response is better: a
generative row of Table 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from psycopref.config.prompts import PromptSetting, load_prompt
from psycopref.errors import TableError
from psycopref.judging.pairwise import Match, Pairwise, Side
from psycopref.lab import Lab
from psycopref.models.entries import EntrySetting
from psycopref.settings import Stage
from psycopref.store.parquet import table
from psycopref.tables import Failure, Preference, Response, Speech, Verdict


class Ranked(NamedTuple):
    """Two verdicts per pair, one for each order; a failure where an order got none."""

    verdicts: Sequence[Verdict]
    failures: Sequence[Failure]


class Rank(Stage):
    """`judge` is asked about every pair in both orders, as `evaluate` asks about two systems
    (paper, section 4.2: LLM as a ranker).
    """

    judge: EntrySetting
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("compare"))
    attempts: int = Field(default=2, ge=1)

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
    ) -> Ranked:
        """Pairs to verdicts; TableError where a pair's speech or response is not among those
        given.
        """
        wanted = {key for row in preferences for key in (row.chosen_id, row.rejected_id)}
        known = {row.speech_id: row for row in speeches}
        texts = {
            key: text
            for key, text in table(Response, responses).pick("response_id", "text").iter_rows()
            if key in wanted
        }
        if wanted - texts.keys() or {row.speech_id for row in preferences} - known.keys():
            raise TableError(
                "rank: the pairs name speeches or responses that are not there; give the tables"
                " that they were made of"
            )
        matches = [
            Match(
                known[row.speech_id],
                *(Side(key, texts[key]) for key in (row.chosen_id, row.rejected_id)),
            )
            for row in preferences
        ]
        played = Pairwise(self.judge, self.prompt).play(
            lab, [game for match in matches for game in match.games()], self.attempts
        )
        return Ranked(*played)
