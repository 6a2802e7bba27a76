"""The report step: figures are drawn once, and damage is said."""

import pytest
from helpers.small_world import small_world

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.report.data import ReportData
from psycopref.report.drawn import Report, load_figures, load_numbers
from psycopref.report.figures import numbers
from psycopref.report.page import drawn_contents
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.evaluate import Evaluate
from psycopref.tables import metric

W = small_world()
CURVES = {
    "reward": {"loss": ([1, 2, 3, 4, 5], [1.0, 0.5, 0.4, 0.3, 0.2]), "dev_accuracy": ([5], [0.9])}
}


def reported(lab: Lab):
    calibrated = lab.do(
        Calibrate(draws=200), W.speeches, W.responses, W.preferences, W.measure, W.rewards
    )
    sides = [[row for row in W.responses if row.model == model] for model in ("fir", "hazel")]
    judged = lab.do(Evaluate(draws=200), W.speeches, *sides, W.rewards)  # type: ignore[call-arg]
    rounds = [metric("policy.reward", f"round:{n}", n, n - 0.1, n + 0.1, 16) for n in range(3)]
    metrics = [*calibrated.metrics, *judged.metrics, *rounds]
    tables = {
        "speeches": W.speeches,
        "responses": W.responses,
        "preferences": W.preferences,
        "metrics": metrics,
        "bins": calibrated.bins,
    }
    return lab.do(Report(), numbers(drawn_contents(ReportData(title="", **tables, curves=CURVES))))


def test_every_figure_is_drawn_and_the_second_time_found(lab: Lab):
    figures = load_figures(reported(lab).page)
    assert set(figures) == {
        "topics",
        "sources",
        "lengths",
        "chosen",
        "reliability",
        "curves",
        "rounds",
        "winrate",
    }
    again = load_figures(reported(lab).page)
    assert lab.taken[-1]["found"] and again == figures


def test_figures_are_the_same_in_another_workspace(lab: Lab, tmp_path):
    with Lab(tmp_path / "other") as other:
        assert load_figures(reported(other).page) == load_figures(reported(lab).page)


def test_nothing_to_draw(lab: Lab):
    assert load_figures(lab.do(Report(), numbers(drawn_contents(ReportData(title="")))).page) == {}


def test_what_was_drawn_is_kept_beside_the_figures(lab: Lab):
    assert load_numbers(reported(lab).page)["curves"]["reward"]["dev_accuracy"] == [[5], [0.9]]


def test_damaged_figures_are_named(lab: Lab):
    page = reported(lab).page
    (page / "figures.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="delete the folder"):
        load_figures(page)
