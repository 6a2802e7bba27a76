"""A blind sheet of preference pairs for experts, and how far the experts agree with the pairs and with each other."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
import polars as pl
from pydantic import Field

from psycopref.columns import coarse_column
from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stats.agreement import coefficient_interval, cohen_kappa, fleiss_kappa, gwet_ac, krippendorff_alpha
from psycopref.stats.intervals import Floats, mean_interval
from psycopref.store.parquet import table
from psycopref.tables import Annotation, Choice, Metric, Preference, Response, Speech, content_id, estimate, metric

Side = Literal["first", "second", "tie"]
COLUMNS = ("preference_id", "annotator", "item", "choice", "seconds", "note")
_CODES: dict[Choice, float] = {"rejected": 0.0, "tie": 1.0, "chosen": 2.0}
_BANDS = (1.0, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One pair as an expert sees it: no model names, no scores, sides by a hash."""

    preference_id: str
    topic: str
    history: str
    speech: str
    first: str
    second: str


class Validated(NamedTuple):
    """The sheet, and agreement figures from the annotations there are (none without annotations)."""

    sheet: Sequence[SheetRow]
    metrics: Sequence[Metric]


class Validate(Stage):
    """`pairs` preference pairs drawn for experts (paper, section 3.3: 200 pairs, two experts), in proportion over topics and gaps.

    Strata are coarse topic x gap band (under 1, 2, 3 points, above); within a stratum the draw is a
    hash of the pair's id. Annotations come from people by `read_annotations`; none is ever made here.
    """

    pairs: int = Field(default=200, ge=1)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """3: a figure without an interval is a count of what it rests on."""
        return 3

    def run(
        self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response], preferences: Sequence[Preference], annotations: Sequence[Annotation]
    ) -> Validated:
        """Preferences to a sheet, annotations to figures."""
        people = table(Speech, speeches).frame.select("speech_id", "topic", "history", speech="text")
        texts = table(Response, responses).frame.select("response_id", "text")
        sample = drawn(table(Preference, preferences).frame.join(people, on="speech_id"), self.pairs, self.seed)
        sides = sample.join(texts.rename({"text": "chosen"}), left_on="chosen_id", right_on="response_id")
        sides = sides.join(texts.rename({"text": "rejected"}), left_on="rejected_id", right_on="response_id").sort("preference_id")
        return Validated([_sheet_row(row) for row in sides.iter_rows(named=True)], self._figures(preferences, annotations))

    def _figures(self, preferences: Sequence[Preference], annotations: Sequence[Annotation]) -> list[Metric]:
        notes = table(Annotation, annotations).frame.join(table(Preference, preferences).frame.select("preference_id", "speech_id"), on="preference_id")
        rows: list[Metric] = []
        for (item,), part in sorted(notes.group_by("item"), key=lambda pair: str(pair[0])):
            for (who,), own in sorted(part.group_by("annotator"), key=lambda pair: str(pair[0])):
                rows.append(self._with_pairs(f"{item}:{who}", own))
            rows += [self._with_pairs(str(item), part), *self._between(str(item), part)]
        return rows

    def _with_pairs(self, place: str, part: pl.DataFrame) -> Metric:
        """The share of annotations that chose what the judge's scores chose; a tie counts a half."""
        score = part["choice"].replace_strict(_CODES, return_dtype=pl.Float64).to_numpy() / 2
        return metric("expert.agreement", place, *mean_interval(score, part["speech_id"].to_list(), self.draws, self.seed, share=True))

    def _between(self, item: str, part: pl.DataFrame) -> list[Metric]:
        """Agreement of the experts with each other: raw, kappa, alpha, AC1 and the prevalence without which kappa says little.

        It rests on the pairs that two or more judged; their speeches are what is drawn for the intervals.
        """
        coded = part.with_columns(code=pl.col("choice").replace_strict(_CODES, return_dtype=pl.Float64))
        wide = coded.pivot("annotator", index=["preference_id", "speech_id"], values="code")
        units = wide.drop("preference_id", "speech_id").cast(pl.Float64).fill_null(float("nan")).to_numpy()
        both = np.isfinite(units).sum(1) >= 2
        units, speeches = units[both], wide["speech_id"].filter(pl.Series(both)).to_list()
        if units.shape[0] < 2:
            return []
        known = sorted(_CODES.values())
        coefficients: dict[str, Callable[[Floats], float]] = {
            "experts.raw": _raw,
            "experts.alpha": lambda u: krippendorff_alpha(u, "nominal", known),
            "experts.fleiss": lambda u: fleiss_kappa(u, known),
            "experts.ac1": lambda u: gwet_ac(u, "none", known),
            "experts.prevalence": _prevalence,
        }
        if units.shape[1] == 2:
            coefficients["experts.kappa"] = lambda u: cohen_kappa(u[:, 0], u[:, 1], "none", known)
        found = {name: coefficient_interval(units, one, self.draws, self.seed, speeches) for name, one in coefficients.items()}
        return [row for name, figure in found.items() for row in estimate(name, item, figure)]


def drawn(pairs: pl.DataFrame, size: int, seed: int) -> pl.DataFrame:
    """A stratified sample of pairs (with columns preference_id, topic, gap): strata take turns by largest remainder."""
    if pairs.height <= size:
        return pairs
    band = pl.Series(np.searchsorted(_BANDS, pairs["gap"].to_numpy(), side="right"))
    lot = pl.Series([sha256(f"{seed}:{one}".encode()).hexdigest() for one in pairs["preference_id"]])
    marked = pairs.with_columns(stratum=pl.format("{}|{}", coarse_column(), band), lot=lot).sort("lot")
    counts = dict(marked.group_by("stratum").len().iter_rows())
    quota = shares(counts, size)
    place = marked.with_columns(place=pl.col("lot").cum_count().over("stratum"), quota=pl.col("stratum").replace_strict(quota, return_dtype=pl.Int64))
    return place.filter(pl.col("place") <= pl.col("quota")).select(pairs.columns)


def shares(counts: dict[str, int], size: int) -> dict[str, int]:
    """How many of `size` each stratum gets in proportion to its count (largest remainder; equal remainders by name)."""
    total = sum(counts.values())
    whole = {name: size * count // total for name, count in counts.items()}
    order = sorted(counts, key=lambda name: (-(size * counts[name] % total), name))
    for name in order[: size - sum(whole.values())]:
        whole[name] += 1
    return whole


def chosen_first(preference_id: str) -> bool:
    """Whether the chosen response stands first on the sheet: a hash of the pair, the same for every expert."""
    return sha256(f"sheet:{preference_id}".encode()).digest()[0] % 2 == 0


def _sheet_row(row: dict[str, object]) -> SheetRow:
    first, second = ("chosen", "rejected") if chosen_first(str(row["preference_id"])) else ("rejected", "chosen")
    turns = cast("list[dict[str, str]]", row["history"] or [])
    history = "\n".join(f"{turn['role']}: {turn['text']}" for turn in turns)
    return SheetRow(str(row["preference_id"]), str(row["topic"]), history, str(row["speech"]), str(row[first]), str(row[second]))


def write_sheet(sheet: Sequence[SheetRow], path: Path) -> None:
    """The sheet as a CSV for experts: the pair, and empty columns annotator, item, choice (first, second or tie), seconds, note."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["preference_id", "topic", "history", "speech", "first", "second", *COLUMNS[1:]])
        out.writerows([row.preference_id, row.topic, row.history, row.speech, row.first, row.second, "", "overall", "", "", ""] for row in sheet)


def read_annotations(path: Path, sheet: Sequence[SheetRow]) -> list[Annotation]:
    """A filled sheet as annotations in source terms; rows without a choice are not annotated. SourceError names file, row and column."""
    known = set(table(SheetRow, sheet).frame["preference_id"])
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as a UTF-8 CSV file ({type(error).__name__}); save the sheet as CSV UTF-8") from None
    lacking = [name for name in COLUMNS[:4] if not rows or name not in rows[0]]
    if lacking:
        raise SourceError(f"{path}: no rows, or no column {lacking[0]!r}; a sheet has the columns {list(COLUMNS)}")
    return _unique([(number, _annotation(path, number, row, known)) for number, row in enumerate(rows, 2) if (row["choice"] or "").strip()], path)


def _annotation(path: Path, number: int, row: dict[str, str], known: set[str]) -> Annotation:
    pair, who, item, side = (str(row[name] or "").strip() for name in COLUMNS[:4])
    if pair not in known:
        raise SourceError(f"{path} row {number}: its preference_id is not on the sheet; keep that column as it was written")
    if side.lower() not in ("first", "second", "tie"):
        raise SourceError(f"{path} row {number}: choice must be first, second or tie")
    if not who or not item:
        raise SourceError(f"{path} row {number}: annotator and item must be filled where a choice is made")
    choice: Choice = "tie" if side.lower() == "tie" else "chosen" if (side.lower() == "first") == chosen_first(pair) else "rejected"
    return Annotation(content_id("annotation", pair, who, item), pair, who, item, choice, _seconds(path, number, row), (row.get("note") or "").strip())


def _seconds(path: Path, number: int, row: dict[str, str]) -> float:
    value = (row.get("seconds") or "").strip()
    try:
        return float(value or 0)
    except ValueError:
        raise SourceError(f"{path} row {number}: seconds must be a number or empty") from None


def _unique(rows: list[tuple[int, Annotation]], path: Path) -> list[Annotation]:
    seen: dict[str, int] = {}
    for number, row in rows:
        if row.annotation_id in seen:
            where = f"{path} row {number}"
            raise SourceError(f"{where}: one annotator chose twice for one pair and item, here and in row {seen[row.annotation_id]}; keep one of the rows")
        seen[row.annotation_id] = number
    return [row for _, row in rows]


def _prevalence(units: Floats) -> float:
    """The share of choices that were for the pair's chosen response; who was silent does not count."""
    return float((units[np.isfinite(units)] == _CODES["chosen"]).mean())


def _raw(units: Floats) -> float:
    """The share of units on which all who answered said the same."""
    return float((np.nanmax(units, axis=1) == np.nanmin(units, axis=1)).mean())
