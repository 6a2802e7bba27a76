"""Every figure is declared once: what a run leaves is checked against the declarations, and the
docs are written from them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.rooms import MODULES

from psycopref.flows.figures import BY_SECTION, FIGURES, checked, figure_of, kind_of
from psycopref.stages.calibrate import ACCURACY, TEMPERATURE
from psycopref.stages.evaluate import WIN_RATE, WINS
from psycopref.tables import Metric, metric

ROOT = Path(__file__).parents[2]


def test_a_figure_that_nobody_declared_is_refused_when_a_run_is_written() -> None:
    with pytest.raises(ValueError, match=r"'reward.happiness': no figure .* is declared"):
        checked([metric("reward.happiness", "test", 0.5, 0.4, 0.6, 9)])
    with pytest.raises(ValueError, match="no slice 'somewhere'"):
        checked([metric("winrate", "somewhere", 0.5, 0.4, 0.6, 9)])
    with pytest.raises(ValueError, match="an estimate without interval"):
        checked([Metric("metric-1", "winrate", "overall:raw", 0.5)])


def test_every_name_has_one_figure() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(names) == len(set(names)) and all(figure.says for figure in FIGURES)
    for name in ("winrate", "winrate.start", "winrate.small", "null.echo", "checkpoint"):
        assert figure_of(name) is WIN_RATE and figure_of(f"{name}.wins") is WINS
    assert figure_of("reward.temperature.without_interval") is TEMPERATURE
    assert figure_of("reward.happiness") is None


def test_a_name_of_an_older_version_is_read_by_its_last_word() -> None:
    assert kind_of("winrate.wins") == "count" and kind_of("reward.accuracy") == "estimate"
    assert kind_of("winrate.without_interval") == "count"
    assert kind_of("once.answered") == "count" and kind_of("once.happiness") == "estimate"


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.name)
def test_slices_are_read_back_as_they_were_written(figure: object) -> None:
    """With a value for every field that holds what might mislead."""
    from psycopref.tables import Figure, Template

    assert isinstance(figure, Figure)
    for slice_ in figure.slices:
        choices = Template(slice_).choices
        fields = {name: one.split("|")[0] if one else f"a {name}" for name, one in choices.items()}
        text = Template(slice_).filled(fields)
        assert text is not None and figure.fields(text) == fields
    assert ACCURACY.fields("test:topic:A: b") == {"set": "test", "topic": "A: b"}


def test_rows_are_made_by_figures_alone() -> None:
    """Outside tables/ nothing makes a Metric by hand; old runs are read in store/run_folder."""
    for name, path in MODULES.items():
        if name.startswith("tables") or name in ("store.run_folder", "store.parquet"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("metric", "estimate", "Metric"), f"{name}:{node.lineno}"


def test_the_page_of_figures_is_written_from_the_declarations() -> None:
    page = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
    script = [sys.executable, str(ROOT / "scripts" / "write_figures_doc.py"), "--print"]
    made = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert made == page, "run `python scripts/write_figures_doc.py`"
    for part in BY_SECTION.values():
        assert part, "a section of the page has figures"
