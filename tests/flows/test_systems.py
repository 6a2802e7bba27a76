"""The flow judges each state of the policy where it is asked to."""

import json
from pathlib import Path

import pytest
from helpers.finished_paper import copied
from helpers.loopback import Loopback
from helpers.tiny_paper import write

from psycopref.progress import Progress
from psycopref.runs import run


@pytest.mark.slow
def test_the_flow_judges_each_state_where_it_is_asked_to(tmp_path: Path, paper_work: Path) -> None:
    copied(paper_work, tmp_path / "work")
    with Loopback() as server:
        recipe = write(tmp_path, server.url)
        recipe.write_text(
            recipe.read_text().replace("round_speeches = 8", 'round_speeches = 8\nsystems = "each"')
        )
        place = run.run(str(recipe), tmp_path / "work", Progress())
    rows = {
        (row["name"], row["slice"]): row
        for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    }
    judged = {where for name, where in rows if name == "systems.winrate"}
    assert judged == {"start", "dpo", "round 2"}
    assert rows["systems.winrate", "round 2"]["value"] == rows["winrate", "overall:raw"]["value"], (
        "the last state is the one of the main comparison"
    )
    assert {where for name, where in rows if name == "systems.difference.holm_p"} == {
        "dpo - start",
        "round 2 - start",
        "round 2 - dpo",
    }
