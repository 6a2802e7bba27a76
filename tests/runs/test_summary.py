"""A run in a few lines: what was made, six figures, what needs attention, all of it counted."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.small_dataset import built

from psycopref.cli import run
from psycopref.runs import listing
from psycopref.runs.headline import headlines
from psycopref.runs.summary import Summary, attention, summary
from psycopref.store import steps
from psycopref.tables import Metric, Point, metric


def estimate(name: str, slice_: str, value: float = 0.5) -> Metric:
    return metric(name, slice_, value, value - 0.1, value + 0.1, 40)


PAPER = [
    estimate("winrate", "topic:Crisis:raw"),
    estimate("winrate", "overall:raw"),
    metric("winrate.wins", "overall:raw", 20, count=40),
    estimate("winrate.words_ours", "overall:raw", 90.0),
    estimate("winrate.start", "overall:raw"),
    metric("winrate.start.wins", "overall:raw", 20, count=40),
    estimate("reward.accuracy", "test"),
    estimate("reward.accuracy", "test:longer"),
    estimate("policy.gold_reward", "round:9"),
    estimate("policy.gold_reward", "round:10", 1.5),
    estimate("rate.lost", "all", 0.1),
    estimate("respond.lost", "all", 0.1),
    metric("pairs", "train", 30, count=30),
]


def test_the_figures_that_say_most_come_first_and_are_six_at_most() -> None:
    shown = headlines(PAPER)
    assert [one.metric.name for one in shown] == [
        "winrate",
        "winrate.start",
        "reward.accuracy",
        "policy.gold_reward",
        "respond.lost",
        "rate.lost",
    ]
    assert {one.metric.slice for one in shown} <= {"overall:raw", "test", "round:10", "all"}
    assert headlines(PAPER, 1) == shown[:1]


def test_an_ablations_win_rate_is_one_and_its_words_are_none() -> None:
    rows = [
        estimate("winrate.small", "overall:raw"),
        metric("winrate.small.wins", "overall:raw", 20, count=40),
        estimate("winrate.small.words_ours", "overall:raw", 90.0),
    ]
    assert [one.metric.name for one in headlines(rows)] == ["winrate.small"]


def told(tmp_path: Path, *rows: Metric, taken: list[dict[str, Any]] | None = None) -> list[str]:
    return list(attention(tmp_path / "runs" / "r", taken or [], rows))


PAIRS = metric("pairs", "train", 30, count=30)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (metric("guard.kl", "round:4", 1, count=1), "round 4: far from the start"),
        (metric("guard.invented", "round:4", 1, count=1), "round 4: invented"),
        (metric("guard.null_opponents", "overall:raw", 2, count=5), "2 of 5 null opponents"),
        (metric("failures", "run", 7, count=7), "7 answers or ratings came to nothing"),
        (metric("rate.lost", "judge:m", 0.6, 0.5, 0.7, 50), "60% of the ratings of m were lost"),
        (metric("respond.lost", "model:m", 0.6, 0.5, 0.7, 50), "60% of the answers of m"),
        (metric("winrate.unmatched", "overall:raw", 9, count=9), "9 of winrate raw"),
        (metric("reward.unscored", "test:x", 3, count=20), "test:x: 3 of 20 pairs"),
        (metric("reward.ece.without_interval", "test", 5, count=5), "1 figures have no interval"),
    ],
)
def test_what_needs_attention_is_said(tmp_path: Path, row: Metric, says: str) -> None:
    (line,) = told(tmp_path, PAIRS, row)
    assert says in line


def test_a_guard_that_did_not_trip_and_small_losses_are_not_said(tmp_path: Path) -> None:
    quiet = [
        metric("guard.null_opponents", "overall:raw", 0, count=5),
        metric("rate.lost", "judge:m", 0.1, 0.05, 0.2, 50),
        metric("failures", "run", 0, count=0),
    ]
    assert told(tmp_path, PAIRS, *quiet) == []


def test_no_pairs_are_said_first(tmp_path: Path) -> None:
    assert told(tmp_path, metric("failures", "run", 7, count=7))[0].startswith(
        "no preference pairs"
    )


def test_what_was_left_out_and_lost_is_counted_by_stage_each_step_once(tmp_path: Path) -> None:
    entry = {"step": "rate-1", "stage": "rate", "rows": {"failures": 3, "dropped": 0}}
    clean = {"step": "clean-1", "stage": "clean", "rows": {"dropped": 4}}
    lines = told(
        tmp_path, PAIRS, metric("failures", "run", 3, count=3), taken=[entry, entry, clean]
    )
    assert lines == [
        "3 answers or ratings came to nothing (3 rate)",
        "4 speeches were left out (4 clean)",
    ]


HEAD = {"key": "k", "version": 1, "settings": {}, "inputs": [], "seconds": 1.0, "calls": 0}


class Curved(NamedTuple):
    curve: Sequence[Point]


def test_what_training_left_out_is_told_from_its_curves(tmp_path: Path) -> None:
    taken = []
    for name, stage, left in (("reward-1", "reward", 3.0), ("policy-1", "policy", 2.0)):
        folder = tmp_path / "steps" / name
        point = Point(name, "too_long", 0, left)
        steps.finish(steps.begin(folder), folder, Curved([point]), {**HEAD, "stage": stage})
        taken.append({"step": name, "stage": stage, "rows": {"curve": 1}})
    (line,) = told(tmp_path, PAIRS, taken=taken)
    assert line.startswith("5 examples are longer") and "(3 reward, 2 policy)" in line
    gone = [{"step": "reward-2", "stage": "reward", "rows": {"curve": 1}}]
    (line,) = told(tmp_path, PAIRS, taken=gone)
    assert "reward-2" in line, "a step that is gone is said, not passed over"


def made(attention: list[str]) -> Summary:
    counts = {"speeches": 222, "responses": 888}
    place = Path("/work/runs/r-1/report.html")
    return Summary("r-1", "r", 9, 2, 10, 4000.0, counts, headlines(PAPER), attention, place)


@pytest.mark.parametrize("many", [0, 1, 3, 40])
def test_a_run_ends_with_25_lines_of_80_columns_at_most(many: int) -> None:
    sentences = [f"number {at}: " + "many words about what went wrong " * 4 for at in range(many)]
    lines = run.lines(made(sentences))
    assert len(lines) <= 25 and max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    said = sum(f"number {at}:" in text for at in range(many))
    if said < many:
        assert f"and {many - said} more" in text
    assert ("nothing needs attention" in text) == (many == 0)
    assert "1 h 6 min" in text and "/work/runs/r-1/report.html" in text
    whole = run.lines(made(sentences), most=10_000)
    assert sum("number " in line for line in whole) == many


def test_runs_are_listed_with_time_length_state_and_headline(tmp_path: Path) -> None:
    work = built(tmp_path)
    place = next((work / "runs").iterdir())
    (work / "runs" / "old-20250101T000000").mkdir()
    (work / "runs" / "bad-20260101T000000").mkdir()
    (work / "runs" / "bad-20260101T000000" / "steps.json").write_text("{", encoding="utf-8")
    (work / "steps" / "rate-0123.part").mkdir()
    old, bad, line = listing.runs(work)
    assert (old.state, bad.state, line.state) == ("did not end", "damaged", "finished")
    assert old.ended == datetime(2025, 1, 1, tzinfo=UTC) and old.recipe == "old"
    assert line.run == place.name and line.recipe == "small" and line.seconds is not None
    assert [one.step for one in listing.unfinished(listing.step_lines(work))] == ["rate-0123.part"]
    frame = listing.frame([old, bad, line])
    assert frame["state"].to_list() == ["did not end", "damaged", "finished"]
    assert listing.runs(tmp_path / "nowhere") == []


def test_the_summary_of_a_finished_run_is_what_its_files_say(tmp_path: Path) -> None:
    work = built(tmp_path)
    place = next((work / "runs").iterdir())
    found = summary(place)
    taken = json.loads((place / "steps.json").read_text(encoding="utf-8"))["steps"]
    assert found.steps == len(taken) and found.new == found.steps and found.calls == 0
    assert found.made["pairs"] > 0 and found.report == place / "report.html"
    assert found.report.is_file()
