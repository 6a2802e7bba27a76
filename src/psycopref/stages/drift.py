"""A policy's own answers to how far it has moved from where it started: log-ratios, whose mean
estimates the Kullback-Leibler divergence.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.progress import Tick
from psycopref.settings import TORCH, Stage
from psycopref.tables import Rating, Response, Speech, content_id

if TYPE_CHECKING:
    from psycopref.nets.tokens import Encoded


class Drifted(NamedTuple):
    """One rating per response, item 'log_ratio', in nats over the whole answer."""

    ratings: Sequence[Rating]


class Drift(Stage):
    """log p(y|x) of the policy less that of its start, for answers y that the policy wrote; passes
    of at most `batch_tokens` tokens.

    Over answers sampled at temperature 1 the mean estimates KL(policy || start), in nats per answer
    (of those that came to an end); over greedy answers it is only a sign of it. `limit` is the mean
    above which a round is said to have moved too far (ours).
    """

    limit: float = Field(default=50.0, gt=0, exclude=True)
    batch_tokens: int = Field(default=16384, ge=64)

    def packages(self) -> Sequence[str]:
        """What computes with weights."""
        return TORCH

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        weights: Path,
        start: Path,
    ) -> Drifted:
        """Ratings whose judge is the digest of `start`; TrainError where a response's speech is not
        in the table.
        """
        from psycopref.nets import tokens
        from psycopref.nets import weights as folders

        loaded = folders.load_policy(weights)
        encoded = tokens.encoded(loaded.tokenizer, speeches, responses)
        rows = list(encoded.values())
        folders.fitting(
            loaded.model, max((len(row.ids) for row in rows), default=0), "drift: an answer"
        )
        with lab.progress.track("drift", 2 * len(rows)) as tick:
            now = self._logps(loaded.model, rows, tick)
            del loaded
            before = self._logps(folders.load_policy(start).model, rows, tick)
        judge = folders.name_of(start)
        ratios = [one - other for one, other in zip(now, before, strict=True)]
        return Drifted(
            [
                Rating(
                    content_id("rating", key, "log_ratio", judge), key, "log_ratio", judge, ratio
                )
                for key, ratio in zip(encoded, ratios, strict=True)
            ]
        )

    def _logps(self, model: Any, rows: Sequence["Encoded"], tick: Tick) -> list[float]:
        from psycopref.nets import device, forward

        return forward.measured(
            model.to(device.device()), forward.logps, rows, self.batch_tokens, tick
        )

    def rehearse(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        weights: Path,
        start: Path,
    ) -> tuple[Drifted, Need]:
        """Answers that are not written have not moved."""
        return Drifted([]), Need()
