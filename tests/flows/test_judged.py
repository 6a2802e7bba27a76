"""Null opponents in a run: a judge who likes warm words is found out, a judge who reads is not."""

import json
import re
from pathlib import Path

import pytest
from helpers.loopback import Loopback
from helpers.small_world import small_world

from psycopref.flows.judged import nulled
from psycopref.flows.rounds import Judges
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.stages.evaluate import Evaluate
from psycopref.stages.nulls import NULLS, Nulls

W = small_world(100)
TEST = [row for row in W.speeches if row.split == "test"]
RIVAL = [
    row
    for row in W.responses
    if row.model == "hazel" and row.speech_id in {one.speech_id for one in TEST}
]
SHOWN = re.compile(r'<response id="(\d)">\n(.*?)\n</response>', re.DOTALL)


def likes(opening: str):
    """A judge who names the reply that begins so, and no one where neither does."""

    def answer(body: dict) -> str:
        shown = dict(SHOWN.findall(body["messages"][-1]["content"]))
        liked = [side for side, text in shown.items() if text.startswith(opening)]
        return json.dumps({"rationale": "so", "winner": liked[0] if liked else "tie"})

    return answer


class Heard(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(
    ("opening", "beaten"), [(Nulls().constant[:40], 1), ("nobody says this", 0)]
)
def test_a_judge_that_a_constant_reply_beats_is_named_aloud(
    tmp_path: Path, opening: str, beaten: int
) -> None:
    recipe = load_recipe("paper")[1].training  # type: ignore[attr-defined, union-attr]
    heard = Heard()
    with Loopback() as server, Lab(tmp_path / "work", heard) as lab:
        server.extra = likes(opening)
        judge = ModelEntry(name="judge", kind="openai", url=server.url)
        own = recipe.model_copy(
            update={"evaluate": Evaluate(judge=judge, draws=200), "nulls": Nulls(speeches=20)}
        )
        found = nulled(own, lab, TEST, W.responses, RIVAL, Judges(tmp_path, None))
        asked = sum(server.book.answers.values())
        assert not len(
            nulled(
                own.model_copy(update={"nulls": Nulls(speeches=0)}),
                lab,
                TEST,
                W.responses,
                RIVAL,
                Judges(tmp_path, None),
            ).metrics
        )
    rows = {row.name: row for row in found.metrics}
    assert rows["guard.null_opponents"].value == beaten and rows[
        "guard.null_opponents"
    ].count == len(NULLS)
    assert {f"null.{kind}.wins" for kind in NULLS} <= rows.keys() and rows[
        "null.constant.wins"
    ].count == 20
    assert rows["null.constant.wins"].value == 20 * beaten and rows["null.echo.ties"].value == 20
    assert any("prefers constant" in line for line in heard.lines) == bool(beaten)
    assert len(found.verdicts) == 2 * 20 * len(NULLS) >= asked, (
        "both orders of every null opponent, no repeats"
    )
