"""Responses to ratings by a reward model that others trained: a row of the table of reward models
(paper, Table 1).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.settings import TORCH, Stage
from psycopref.tables import Failure, Rating, Response, Speech, content_id


class Compared(NamedTuple):
    """One rating per response, item 'reward'; a failure for each response that is longer than the
    model reads.
    """

    ratings: Sequence[Rating]
    failures: Sequence[Failure]


class Baseline(Stage):
    """`model` is a folder or a hub id of a sequence classifier with one label, read with its own
    chat template (or the file `template`).

    Give `revision` (a commit of the hub repository): without one a hub id means what it meant when
    it was first scored here.
    """

    model: str = Field(min_length=1)
    revision: str = ""
    template: Path | None = Field(default=None, exclude=True)
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_tokens: int = Field(default=16384, ge=64)

    def reads(self) -> Sequence[Path]:
        """The files of a model's folder, and the template."""
        self._template()
        folder = Path(self.model)
        inside = (
            sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        )
        return [*inside, *([self.template] if self.template else [])]

    def packages(self) -> Sequence[str]:
        """What computes with weights."""
        return TORCH

    def run(self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response]) -> Compared:
        """Ratings whose judge is the model with its revision, of the responses to these speeches;
        TrainError where it is no reward model.
        """
        from psycopref.nets import device, foreign, forward

        loaded = foreign.load(self.model, self.revision, self._template(), self.precision)
        rows = foreign.encoded(loaded.tokenizer, speeches, responses)
        limit = getattr(loaded.model.config, "max_position_embeddings", None) or 0
        short = {key: row for key, row in rows.items() if not limit or len(row.ids) <= limit}
        loaded.model.to(device.device())
        with lab.progress.track("baseline", len(short)) as tick:
            scores = forward.measured(
                loaded.model, forward.rewards, list(short.values()), self.batch_tokens, tick
            )
        judge = self.model + (f"@{self.revision}" if self.revision else "")
        ratings = [
            Rating(content_id("rating", key, "reward", judge), key, "reward", judge, score)
            for key, score in zip(short, scores, strict=True)
        ]
        lost = [
            Failure(content_id("failure", key, "baseline", judge), key, "too long: baseline")
            for key in rows
            if key not in short
        ]
        return Compared(ratings, lost)

    def _template(self) -> str:
        if self.template is None:
            return ""
        try:
            return self.template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TrainError(
                f"{self.template}: the template cannot be read ({type(error).__name__}); give a"
                " Jinja file in UTF-8"
            ) from None

    def rehearse(
        self, speeches: Sequence[Speech], responses: Sequence[Response]
    ) -> tuple[Compared, Need]:
        """Nothing is loaded, and no response has a reward."""
        return Compared([], []), Need()
