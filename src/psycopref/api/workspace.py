"""A workspace in a notebook: each step of the paper as a method, done once and found after that."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.api.finished import Run
from psycopref.api.models import entry, pool_of
from psycopref.api.rewards import RewardModel, TrainedReward, need_torch
from psycopref.api.texts import speeches_of
from psycopref.config.instruments import Instrument, load_instrument
from psycopref.config.toml_files import checked
from psycopref.errors import RecipeError
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry, Pool
from psycopref.progress import Progress
from psycopref.recipes import Recipe
from psycopref.runs import listing
from psycopref.runs import run as runs
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.dedup import Dedup
from psycopref.stages.evaluate import Evaluate, Evaluated
from psycopref.stages.pair import Pair, Paired
from psycopref.stages.rate import Rate, Rated
from psycopref.stages.respond import Respond, Responded
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score
from psycopref.stages.topics import Topics
from psycopref.stats.intervals import Interval
from psycopref.store import run_folder
from psycopref.store.parquet import Table, table
from psycopref.tables import Metric, Point, Preference, Rating, Response, Speech

# A reward model from nothing, as in the quickstart (seconds on a CPU), where there is no `base`.
SMALL = {
    "size": {"vocab": 1024, "hidden": 96, "layers": 1, "heads": 2, "kv_heads": 1, "inner": 256},
    "epochs": 2,
    "batch_size": 16,
    "lr": 2e-3,
    "weight_decay": 0.1,
}


class Workspace:
    """A folder with everything that was done in it: steps, calls, runs. What was done once is found
    and not done again, and no call is asked (or paid) twice.

    `budget` is how many dollars its calls may cost in all, as far as prices are known. The folder
    holds what clients said (masked) and is private to its owner. It is locked while something is
    done in it, and by nobody in between.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = "work",
        *,
        budget: float | None = None,
        quiet: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self._budget = budget
        self._progress = Progress(quiet)

    def __repr__(self) -> str:
        return f"Workspace({str(self.folder)!r})"

    @contextmanager
    def _lab(self) -> Iterator[Lab]:
        with Lab(self.folder, self._progress, self._budget) as lab:
            yield lab

    def speeches(
        self,
        texts: Iterable[str],
        *,
        topics: Sequence[str] = (),
        groups: Sequence[str] = (),
        mask: bool = True,
        test_share: float = 0.2,
        dev_share: float = 0.1,
    ) -> Table[Speech]:
        """Client speeches from strings: repaired, masked (docs/privacy.md says what that finds and
        misses), without near duplicates, each in the split train, dev or test by a hash of its id.

        `topics` are names of the shipped list; texts of one of `groups` (one client's, say) go into
        one split. What is left out is said. SourceError where a text is no string; RecipeError
        where no text is left.
        """
        found = speeches_of(texts, topics, groups, mask)
        if found.left_out:
            why = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
            self._progress.say(f"WARNING: {found.left_out.total()} texts are left out ({why})")
        if not found.speeches:
            raise RecipeError("speeches: there is no text; give a list of strings, one a speech")
        place = checked(
            Topics,
            {"labeller": "given", "test_share": test_share, "dev_share": dev_share},
            "speeches",
        )
        with self._lab() as lab:
            unique = lab.do(Dedup(), found.speeches)
            return table(Speech, lab.do(place, unique.speeches).speeches)

    def respond(
        self,
        speeches: Sequence[Speech],
        models: Pool | Iterable[str | ModelEntry],
        **settings: Any,
    ) -> Responded:
        """What models answer to speeches: responses, failures and drop-out. Every model answers
        every speech, unless `per_speech` says how many are drawn for each.

        `settings` are those of [dataset.respond]: `prompt`, `words`, ... ModelError at the end,
        with everything else kept, where calls got no answer.
        """
        pool = pool_of(models)
        values = {"per_speech": len(pool.models), **settings, "pool": pool}
        stage = checked(Respond, values, "respond")
        with self._lab() as lab:
            return lab.do(stage, speeches, ())

    def rate(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        judge: str | ModelEntry,
        *,
        instrument: str | Instrument = "psychocounsel",
        **settings: Any,
    ) -> Rated:
        """What a judge gives responses on each item of an instrument: ratings, failures, drop-out
        and position bias.

        `instrument` is a shipped one by name, a TOML file by path, or one that was loaded.
        `settings` are those of [dataset.rate]: `judges`, `per_call`, `repeats`, ...
        """
        values = {**settings, "instrument": instrument, "judge": entry(judge)}
        stage = checked(Rate, values, "rate")
        with self._lab() as lab:
            return lab.do(stage, speeches, responses)

    def pair(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        ratings: Sequence[Rating],
        *,
        instrument: str | Instrument = "psychocounsel",
        **settings: Any,
    ) -> Paired:
        """Preference pairs from ratings: in train and dev every two responses to one speech whose
        overall scores differ by `gap` points (1 without one), in test the best against the worst.

        `settings` are those of [dataset.pair]: `gap`, `item`, `topic_weights`, ... RecipeError
        where the ratings are on other items than the instrument's.
        """
        if "item" in settings:
            values = settings
            wanted = {str(settings["item"])}
        else:
            scale = load_instrument(instrument) if isinstance(instrument, str) else instrument
            values = {**settings, "instrument": scale}
            wanted = {item.name for item in scale.items}
        found = set(table(Rating, ratings).pick("item")["item"])
        if found and not found & wanted:
            raise RecipeError(
                f"pair: the ratings are on {sorted(found)} and not on {sorted(wanted)}; give the"
                " instrument that the judge rated on"
            )
        stage = checked(Pair, values, "pair")
        with self._lab() as lab:
            return lab.do(stage, speeches, responses, ratings)

    def train_reward(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        pairs: Paired,
        *,
        base: str = "",
        **settings: Any,
    ) -> TrainedReward:
        """A reward model from preference pairs (Bradley-Terry), and its figures on the test pairs.

        It starts from `base` (a folder or a hub id), or from nothing: a small transformer, trained
        in seconds (`api.workspace.SMALL`). `settings` are those of [training.reward]: `epochs`,
        `lr`, `max_length`, `lora`, ... TrainError where there is no pair in train, or torch is
        not installed.
        """
        need_torch("train_reward")
        begin = {"base": base} if base else SMALL
        dev = "dev" if any(row.split == "dev" for row in pairs.preferences) else ""
        stage = checked(Reward, {"dev": dev, **begin, **settings}, "train_reward")
        with self._lab() as lab:
            made = lab.do(stage, speeches, responses, pairs.preferences, None)
            scores = lab.do(Score(longer="skip"), speeches, responses, made.weights).ratings
            scored = {row.subject_id for row in scores}
            test = [row for row in pairs.preferences if row.split != "test" or _read(row, scored)]
            measure = [row for row in pairs.measure if _read(row, scored)]
            found = lab.do(Calibrate(), speeches, responses, test, measure, scores)
        longer = sum(point.value for point in made.curve if point.name == "too_long")
        if longer:
            self._progress.say(
                f"WARNING: {longer:,.0f} pairs are longer than max_length and were not trained on"
            )
        return TrainedReward(
            RewardModel(made.weights, quiet=self._progress.quiet),
            _figure(found.metrics, "reward.accuracy", "test"),
            table(Metric, found.metrics),
            table(Point, made.curve),
            made.weights,
        )

    def compare(
        self,
        speeches: Sequence[Speech],
        ours: Sequence[Response],
        theirs: Sequence[Response],
        judge: str | ModelEntry,
        **settings: Any,
    ) -> Evaluated:
        """Two systems' responses to the same speeches before a judge, each pair in both orders: its
        verdicts, failures and figures (`winrate`, controlled for length, by topic, ...; see
        docs/evaluation.md). `settings` are those of [training.evaluate].
        """
        stage = checked(Evaluate, {**settings, "judge": entry(judge)}, "compare")
        with self._lab() as lab:
            return lab.do(stage, speeches, ours, theirs, ())

    def run(self, recipe: str | os.PathLike[str] | Recipe, *, name: str = "notebook") -> Run:
        """Run a recipe: the name of a shipped one, the path of a TOML file, or one that was loaded
        or built, then `name` is what its runs are called.
        """
        if isinstance(recipe, str | os.PathLike):
            return Run(runs.run(str(recipe), self.folder, self._progress))
        if not re.fullmatch(r"\w[\w.-]{0,99}", name):
            raise RecipeError(
                f"run: the name {name!r} would not do for a folder; a name is letters, digits, '.',"
                " '_' and '-'"
            )
        return Run(runs.run_recipe(name, recipe, self.folder, self._progress))

    def runs(self) -> pl.DataFrame:
        """The runs of this workspace, oldest first: `run`, `ended`, `recipe`, `seconds`, `state`,
        and each one's headline figure as `figure`, `value`, `low`, `high`, `n`.
        """
        return listing.frame(listing.runs(self.folder))

    def open(self, name: str = "") -> Run:
        """A finished run by name (the newest without one); StoreError where there is none."""
        return Run(run_folder.latest(self.folder, name))


def _read(pair: Preference, scored: set[str]) -> bool:
    """Whether the reward model could read both responses of a pair to their end."""
    return {pair.chosen_id, pair.rejected_id} <= scored


def _figure(metrics: Iterable[Metric], name: str, slice_: str) -> Interval | None:
    rows = [row for row in metrics if (row.name, row.slice) == (name, slice_)]
    return Interval(rows[0].value, rows[0].low, rows[0].high, rows[0].count) if rows else None
