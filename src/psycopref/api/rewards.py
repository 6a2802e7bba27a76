"""Reward models in a notebook: texts to scores, and what a freshly trained one is worth."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from psycopref.errors import TrainError
from psycopref.progress import Progress
from psycopref.stats.intervals import Interval
from psycopref.store.parquet import Table
from psycopref.tables import Metric, Point, Response, Speech, content_id

if TYPE_CHECKING:
    from psycopref.nets.tokens import Encoded
    from psycopref.nets.weights import Loaded

_OURS = "tags: [psycopref]"  # stands in the card of every weights folder of this project
_ROWS = 16384  # padded tokens of a batch, as in the stage `score`


def need_torch(what: str) -> None:
    """TrainError where torch or transformers is not installed: said before anything is asked."""
    if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        raise TrainError(
            f"{what}: needs {' and '.join(missing)}, which are not installed here; `pip install"
            " 'psycopref[train]'`"
        )
    with warnings.catch_warnings():  # tqdm asks for widgets in a notebook, once: none are needed
        warnings.filterwarnings("ignore", message="IProgress not found")
        import_module("tqdm.auto")


class RewardModel:
    """A reward model to score texts with: a folder, or a hub id at a `revision`. It is loaded once,
    when it is first asked.

    A folder that this project wrote is read as it was trained. Any other must be a sequence
    classifier with one label and a trained head that needs no code of its own; it is read with its
    own chat template, or with `template` (Jinja) in its place.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        revision: str = "",
        template: str = "",
        precision: Literal["fp32", "bf16"] = "fp32",
        quiet: bool = False,
    ) -> None:
        self.source = str(source)
        self._revision, self._template = revision, template
        self._precision = precision
        self._progress = Progress(quiet)

    def __repr__(self) -> str:
        return f"RewardModel({self.source!r})"

    @property
    def ours(self) -> bool:
        """Whether the folder was written by this project."""
        card = Path(self.source) / "README.md"
        return card.is_file() and _OURS in card.read_text(encoding="utf-8")

    @cached_property
    def _loaded(self) -> "Loaded":
        need_torch(f"reward model {self.source}")
        from psycopref.nets import device, foreign, weights

        if self.ours:
            loaded = weights.load_reward(self.source)
        else:
            loaded = foreign.load(self.source, self._revision, self._template, self._precision)
        loaded.model.to(device.device())
        return loaded

    def score(self, speeches: Sequence[str], responses: Sequence[str]) -> list[float]:
        """The reward of each response to the speech at its place, in order; higher is better, and
        only differences between responses to one speech mean anything.

        TrainError where there are not as many of the one as of the other, where a response is
        longer than the model reads, or where the source is no reward model.
        """
        if isinstance(speeches, str) or isinstance(responses, str):
            raise TrainError("score: give two lists of strings, not two strings")
        if len(speeches) != len(responses):
            raise TrainError(
                f"score: {len(speeches)} speeches and {len(responses)} responses; give a speech for"
                " every response (the same one again where several answer it)"
            )
        from psycopref.nets import forward

        rows = self._encoded(speeches, responses)
        with self._progress.track("score", len(rows)) as tick:
            model = self._loaded.model
            return forward.measured(model, forward.rewards, rows, _ROWS, tick)

    def _encoded(self, speeches: Sequence[str], responses: Sequence[str]) -> "list[Encoded]":
        from psycopref.nets import foreign, tokens

        people = {text: Speech(content_id("speech", text), "", text) for text in speeches}
        answers = [
            Response(f"response-{at}", people[speech].speech_id, "", response)
            for at, (speech, response) in enumerate(zip(speeches, responses, strict=True))
        ]
        encode = tokens.encoded if self.ours else foreign.encoded
        encoded = encode(self._loaded.tokenizer, list(people.values()), answers)
        limit = getattr(self._loaded.model.config, "max_position_embeddings", None) or 0
        longer = [key for key, row in encoded.items() if limit and len(row.ids) > limit]
        if longer:
            raise TrainError(
                f"score: {len(longer)} responses are longer than the {limit} tokens that"
                f" {self.source} reads ({longer[0]} from 0 is the first); leave them out"
            )
        return [encoded[row.response_id] for row in answers]


class TrainedReward(NamedTuple):
    """A reward model that was trained here. `accuracy` is the share of test pairs of which it
    scores the chosen response higher, with its interval by speech; None where there is no test
    pair. `metrics` hold its other figures (AUC, calibration, by topic and length, beside two
    baselines), `curve` how training went, `folder` its weights.
    """

    model: RewardModel
    accuracy: Interval | None
    metrics: Table[Metric]
    curve: Table[Point]
    folder: Path
