"""The lab does a stage once."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stages.validate import Validate
from psycopref.store import parquet, steps
from psycopref.tables import Metric, metric


class Counted(NamedTuple):
    metrics: Sequence[Metric]


class Count(Stage):
    by: int = 1
    runs: list[int] = []

    def run(self, lab: Lab, rows: Sequence[Metric]) -> Counted:
        self.runs.append(1)
        return Counted(
            [metric(row.name, row.slice, row.value + self.by, 0.0, 9.0, 5) for row in rows]
        )


ROWS = [metric("a", "x", 1.0, 0.0, 9.0, 5), metric("a", "y", 2.0, 0.0, 9.0, 5)]


def test_done_once_and_again_when_settings_or_input_change(lab: Lab) -> None:
    first = lab.do(Count(), ROWS)
    again = lab.do(Count(), ROWS)
    assert (
        [row.value for row in first.metrics] == [2.0, 3.0] == [row.value for row in again.metrics]
    )
    assert [entry["found"] for entry in lab.taken] == [False, True]
    lab.do(Count(by=2), ROWS)
    lab.do(Count(), ROWS[:1])
    assert [entry["found"] for entry in lab.taken] == [False, True, False, False]


def test_the_output_of_one_is_the_input_of_the_next(lab: Lab) -> None:
    two = lab.do(Count(), lab.do(Count(), ROWS).metrics)
    assert [row.value for row in two.metrics] == [3.0, 4.0]
    assert len(list(steps.listed(lab.work / "steps"))) == 2


def test_a_second_run_in_the_same_folder_is_refused(lab: Lab) -> None:
    with pytest.raises(StoreError, match=f"process {os.getpid()}"):
        Lab(lab.work)


def test_a_failed_stage_leaves_no_step(lab: Lab) -> None:
    class Fails(Count):
        def run(self, lab: Lab, rows: Sequence[Metric]) -> Counted:
            return Counted([*rows, rows[0]])

    with pytest.raises(Exception, match="more than once"):
        lab.do(Fails(), ROWS)
    assert list(steps.listed(lab.work / "steps")) == []


def test_a_changed_table_is_found_out(lab: Lab) -> None:
    lab.do(Count(), ROWS)
    folder = next(steps.listed(lab.work / "steps"))
    path = folder / "metrics.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert steps.verify(folder)
    with pytest.raises(StoreError, match="delete"):
        lab.do(Count(), ROWS)


def test_stray_parts_are_cleared_when_the_step_is_whole(lab: Lab) -> None:
    class Messy(Count):
        def run(self, lab: Lab, rows: Sequence[Metric]) -> Counted:
            (lab.place / "checkpoint").mkdir()
            return Counted(rows)

    lab.do(Messy(), ROWS)
    folder = next(steps.listed(lab.work / "steps"))
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "metrics.parquet"]


def test_the_workspace_is_private(tmp_path: Path) -> None:
    with Lab(tmp_path / "w") as lab:
        assert lab.work.stat().st_mode & 0o077 == 0


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Lab(tmp_path) as lab:
        assert lab.work.stat().st_mode & 0o777 == 0o755
        assert all(
            path.stat().st_mode & 0o077 == 0 for path in (lab.work / "steps", lab.ledger.path)
        )


@pytest.mark.parametrize(
    "edit",
    [
        ("settings", {"by": 2, "runs": []}),
        ("version", 2),
        ("inputs", []),
        ("stage", "counts"),
        ("key", "0" * 64),
    ],
)
def test_an_edited_manifest_is_found_out(lab: Lab, edit: tuple[str, object]) -> None:
    lab.do(Count(), ROWS)
    folder = next(steps.listed(lab.work / "steps"))
    manifest = steps.load_manifest(folder)
    assert steps.verify(folder) == []
    (folder / "manifest.json").write_text(
        json.dumps({**manifest, edit[0]: edit[1]}), encoding="utf-8"
    )
    assert "manifest.json: changed since it was written" in steps.verify(folder)[0]


@pytest.mark.parametrize("text", ["[]", "{}", '{"stage": "count"}', "{"])
def test_what_is_no_manifest_is_found_out(lab: Lab, text: str) -> None:
    lab.do(Count(), ROWS)
    folder = next(steps.listed(lab.work / "steps"))
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    assert "delete the folder" in steps.verify(folder)[0]


class Merge(Stage):
    """Two optional inputs of like type behind one that is given."""

    def run(
        self,
        lab: Lab,
        rows: Sequence[Metric],
        low: Sequence[Metric] = (),
        high: Sequence[Metric] = (),
    ) -> Counted:
        marked = [(row, "low") for row in low] + [(row, "high") for row in high]
        return Counted(
            [
                *rows,
                *(
                    metric(row.name, f"{where} {row.slice}", row.value, 0.0, 9.0, 5)
                    for row, where in marked
                ),
            ]
        )


class Older(Merge):
    @classmethod
    def unnamed(cls) -> Sequence[str]:
        return ("high",)


MORE = [metric("calls.made", "z", 3.0)]


def test_equal_values_under_two_keywords_are_two_steps(lab: Lab) -> None:
    low = lab.do(Merge(), ROWS, low=MORE)
    high = lab.do(Merge(), ROWS, high=MORE)
    assert [entry["found"] for entry in lab.taken] == [False, False]
    assert low.metrics[-1].slice == "low z" and high.metrics[-1].slice == "high z"


def test_the_same_inputs_are_one_step_however_they_are_written(lab: Lab) -> None:
    lab.do(Merge(), ROWS, MORE, ROWS)
    lab.do(Merge(), ROWS, MORE, high=ROWS)
    lab.do(Merge(), ROWS, high=ROWS, low=MORE)
    lab.do(Merge(), rows=ROWS, low=MORE, high=ROWS)
    assert [entry["found"] for entry in lab.taken] == [False, True, True, True]


def test_a_keyword_of_older_steps_is_known_by_its_value_alone(lab: Lab) -> None:
    """`validate` was always given `matches` so; its steps must be found."""
    lab.do(Older(), ROWS, high=MORE)
    lab.do(Merge(), ROWS, high=MORE)
    first, second = (
        steps.load_manifest(lab.work / "steps" / entry["step"])["inputs"] for entry in lab.taken
    )
    assert first == [parquet.table(Metric, rows).digest for rows in (ROWS, MORE)]
    assert second[0] == first[0] and second[1] != first[1]
    assert Validate.unnamed() == ("matches",)


def test_a_lock_that_is_a_link_is_refused_and_its_target_left(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    work = tmp_path / "work"
    work.mkdir()
    (work / "lock").symlink_to(target)
    with pytest.raises(StoreError, match=r"lock: is a link"):
        Lab(work)
    assert target.read_text() == "precious"
