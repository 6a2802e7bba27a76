"""What a run leaves in its folder, read back: recipe, steps, figures."""

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopref.errors import StoreError
from psycopref.store import rights
from psycopref.store.rights import folders
from psycopref.tables import LACKING, Kind, Metric, kind_of, metric

LAST = "steps.json"
STAMP = "%Y%m%dT%H%M%S"


def new_run(work: Path, recipe: str) -> Path:
    """A fresh folder work/runs/<recipe>-<time>; a number is added when two runs start in one
    second.
    """
    (work / "runs").mkdir(mode=0o700, exist_ok=True)
    rights.settle_alone(work / "runs", rights.of(work))
    stamp = datetime.now(UTC).strftime(STAMP)
    for number in range(100):
        place = work / "runs" / (f"{recipe}-{stamp}" + (f"-{number}" if number else ""))
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return place
    raise StoreError(
        f"{work / 'runs'}: a hundred runs of {recipe!r} in one second; wait a second and run again"
    )


def latest(work: Path, name: str = "") -> Path:
    """The newest finished run of a workspace, or the one of that name; StoreError where there is
    none.
    """
    if name and (work / "runs" / name).is_dir() and not finished(work / "runs" / name):
        raise StoreError(
            f"{work / 'runs' / name}: this run did not end, so it has no figures; run its recipe"
            " again: what was finished is found"
        )
    found = [path for path in folders(work / "runs") if finished(path) and name in ("", path.name)]
    if not found:
        what = f"no run {name!r}" if name else "no finished run"
        raise StoreError(f"{work / 'runs'}: {what}; `psycopref run RECIPE --work {work}` makes one")
    return max(found, key=_age)


def _age(place: Path) -> tuple[datetime, int, int]:
    """What runs are ordered by: when they ended as their names say, since a file has another time
    after a copy. A time that is yet to come is of a clock that went wrong, and says nothing.
    """
    never, said = datetime.min.replace(tzinfo=UTC), ended(place)
    known = said if said is not None and said <= datetime.now(UTC) else never
    number = re.search(r"-\d{8}T\d{6}-(\d+)$", place.name)
    return known, int(number[1]) if number else 0, (place / LAST).stat().st_mtime_ns


def ended(place: Path) -> datetime | None:
    """When a run left its folder, by its name (UTC); None where the name does not say."""
    found = re.search(r"-(\d{8}T\d{6})(-\d+)?$", place.name)
    try:
        return datetime.strptime(found[1], STAMP).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def finished(run_folder: Path) -> bool:
    """Whether a run came to its end: the file that is written last is there."""
    return (run_folder / LAST).is_file()


def read_json(path: Path) -> Any:
    """A file of a run; StoreError where it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: missing or not JSON; delete the folder {path.parent} and run the recipe again"
        ) from error


def taken(run_folder: Path) -> list[dict[str, Any]]:
    """The steps of a run in order, as lab.taken had them."""
    found = last(run_folder).get("steps")
    if not isinstance(found, list) or not all(
        isinstance(entry, dict) and {"step", "stage"} <= entry.keys() for entry in found
    ):
        raise _damaged(run_folder / LAST, "it does not list the run's steps")
    return found


def last(run_folder: Path) -> dict[str, Any]:
    """What a run wrote last: its recipe and its steps; StoreError where that is something else."""
    found = read_json(run_folder / LAST)
    if not isinstance(found, dict):
        raise _damaged(run_folder / LAST, "it is no table of a run")
    return found


def kept_metrics(run_folder: Path, kind_of: Callable[[str], Kind] = kind_of) -> list[Metric]:
    """The figures of a run, whichever version wrote them; StoreError where they are no rows of
    figures.

    Fields that this version does not know are left out. An estimate without an interval, which
    older versions wrote, cannot be claimed: the count `<name>.without_interval` stands in its
    place, as `tables.estimate` would have put it. `kind_of` says which names are estimates:
    `flows.figures.kind_of` knows those declared now, `tables.kind_of` only words of old names.
    """
    path, names = run_folder / "metrics.json", [one.name for one in dataclasses.fields(Metric)]
    found = read_json(path)
    if not isinstance(found, list) or not all(map(_of_a_figure, found)):
        raise _damaged(path, "it holds no rows of figures")
    made = []
    for row in found:
        known = {name: row[name] for name in names if name in row}
        bare = row.get("low") is None or row.get("high") is None or not row.get("count")
        if bare and kind_of(row["name"]) == "estimate":
            made.append(_lacking(row))
            continue
        try:
            made.append(Metric(**{"metric_id": "", **known}))
        except (TypeError, ValueError):
            made.append(_lacking(row))
    return made


def _lacking(row: dict[str, Any]) -> Metric:
    """The count that stands in place of a bare estimate."""
    count = row.get("count") or 0
    return metric(row["name"] + LACKING, row["slice"], count, count=count, kind="count")


def _of_a_figure(row: Any) -> bool:
    """Whether a row of JSON has what every figure has."""
    if not isinstance(row, dict):
        return False
    numbers = [
        row.get("value"),
        *(row[name] for name in ("low", "high", "count") if row.get(name) is not None),
    ]
    return (
        isinstance(row.get("name"), str)
        and isinstance(row.get("slice"), str)
        and all(isinstance(one, int | float) for one in numbers)
    )


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(
        f"{path}: {what}; delete the folder {path.parent} and run the recipe again: what was"
        " finished is found"
    )
