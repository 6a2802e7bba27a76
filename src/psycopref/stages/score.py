"""Responses to ratings by a reward model: one number per response, item 'reward'."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.settings import TORCH, Stage
from psycopref.tables import Rating, Response, Speech, content_id


class Scored(NamedTuple):
    """One rating per response that was scored, in the order in which they first stand."""

    ratings: Sequence[Rating]


class Score(Stage):
    """Scores responses in packed rows, or padded batches where a model does not take them, of at
    most `batch_tokens` tokens.

    A response that is longer than the model reads is an error, or with `longer = "skip"` has no
    rating.
    """

    batch_tokens: int = Field(default=16384, ge=64)
    longer: Literal["refuse", "skip"] = "refuse"

    def packages(self) -> Sequence[str]:
        """What computes with weights."""
        return TORCH

    @classmethod
    def version(cls) -> int:
        """2: the last layer at the tokens that are read; sums in another order."""
        return 2

    def run(
        self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response], weights: Path
    ) -> Scored:
        """Ratings whose judge is the digest of `weights`; TrainError where a response is longer
        than the model reads.
        """
        from psycopref.nets import device, forward, tokens
        from psycopref.nets import weights as folders

        loaded = folders.load_reward(weights)
        encoded = tokens.encoded(
            loaded.tokenizer, speeches, responses
        )  # a response that stands twice has one rating
        limit = getattr(loaded.model.config, "max_position_embeddings", None) or 0
        fitting = {key: row for key, row in encoded.items() if not limit or len(row.ids) <= limit}
        longer = len(encoded) - len(fitting)
        if longer and self.longer == "refuse":
            raise TrainError(
                f"score: {longer} responses are longer than the {limit} tokens that {weights.name}"
                ' reads; write longer = "skip" in [training.score] to leave them out of all that'
                " follows, counted, or train from a model that reads more"
            )
        if longer:
            lab.progress.say(
                f"WARNING: {longer} of {len(encoded)} responses are longer than the {limit} tokens"
                f" that {weights.name} reads, and have no reward"
            )
        rows = list(fitting.values())
        loaded.model.to(device.device())
        with lab.progress.track("score", len(rows)) as tick:
            scores = forward.measured(loaded.model, forward.rewards, rows, self.batch_tokens, tick)
        judge = folders.name_of(weights)
        return Scored(
            [
                _rating(response_id, judge, score)
                for response_id, score in zip(fitting, scores, strict=True)
            ]
        )

    def rehearse(
        self, speeches: Sequence[Speech], responses: Sequence[Response], weights: Path
    ) -> tuple[Scored, Need]:
        """No two rewards alike, so that best and worst are told apart."""
        judge = "/".join(weights.parts[-2:])
        ids = dict.fromkeys(row.response_id for row in responses)
        return Scored([_rating(key, judge, float(place)) for place, key in enumerate(ids)]), Need()


def _rating(response_id: str, judge: str, score: float) -> Rating:
    return Rating(
        content_id("rating", response_id, "reward", judge), response_id, "reward", judge, score
    )
