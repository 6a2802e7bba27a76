"""Whether a workspace is as it was written: every step, weight and call."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import StoreError
from psycopref.store import steps
from psycopref.store.ledger import Ledger
from psycopref.store.reading import readable
from psycopref.store.rights import folders


class Checked(NamedTuple):
    """How many steps and calls were looked at, and what is wrong, in words."""

    steps: int
    calls: int
    problems: list[str]


def check(work: Path) -> Checked:
    """Every finished step and every call against what was written."""
    places = list(steps.listed(work / "steps"))
    problems = [problem for place in places for problem in steps.verify(place)]
    calls = 0
    try:
        with closing(ledger(work)) as kept:
            problems += _of_the_ledger(kept)
            calls = sum(row["calls"] for row in kept.summary())
    except StoreError as error:
        problems.append(str(error))
    return Checked(len(places), calls, problems)


def _of_the_ledger(kept: Ledger) -> Iterator[str]:
    for line in kept.check():
        yield f"{kept.path}: {line}"
    for call_id in kept.wrong_ids():
        yield f"{kept.path}: {call_id} is not the id of its request"
    for call_id in kept.changed():
        yield f"{kept.path}: the reply of {call_id} changed since it was written"


def ledger(work: Path) -> Ledger:
    """The ledger of a workspace; StoreError where there is none."""
    folders(work)  # an error where the workspace is not ours to read
    if not (work / "calls.sqlite").is_file():
        raise StoreError(
            f"{work}: no calls.sqlite here; `psycopref run RECIPE --work {work}` makes one"
        )
    return readable(work)
