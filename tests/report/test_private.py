"""Clients' words of a source without a known licence stay out of a report; where every figure comes
from is in it.
"""

import dataclasses
import re
from pathlib import Path

from helpers.small_dataset import built
from helpers.small_world import small_world

from psycopref.cli import main
from psycopref.report import again, content
from psycopref.report.data import ReportData
from psycopref.report.figures import DRAWINGS
from psycopref.report.games import Game
from psycopref.report.origins import behind
from psycopref.report.page import render
from psycopref.store import run_folder
from psycopref.tables import Verdict, content_id

W = small_world()


def played() -> ReportData:
    ours, theirs = (
        [row for row in W.responses if row.model == model] for model in ("fir", "hazel")
    )
    said = [
        Verdict(
            content_id("v", a.response_id),
            a.speech_id,
            a.response_id,
            b.response_id,
            "overall",
            "judge",
            "first",
        )
        for a, b in zip(ours, theirs, strict=True)
    ]
    game = Game("winrate", "raw", ("ours", "theirs"), said, ours, theirs, 1)
    return ReportData(
        title="",
        speeches=W.speeches,
        responses=W.responses,
        ratings=W.ratings,
        preferences=W.preferences,
        verdicts=[game],
    )


def test_a_private_source_shows_marks_and_scores_and_no_text():
    page = render(played())
    assert (
        page.count("Speech number") == 4
        and "because of empathy" in page
        and "I hear you, number" in page
    )
    held = render(dataclasses.replace(played(), private={"made-up"}))
    assert not re.search(r"Speech number|I hear you|There are ways|because of", held)
    assert (
        held.count("texts of this case are held back") == 4
        and "✓ chosen" in held
        and "aria-label=" in held
    )


def test_a_recipe_without_a_licence_holds_texts_back_until_they_are_asked_for(
    tmp_path: Path, capsys
):
    work = built(tmp_path)
    assert "was hard and I cannot sleep" not in (run_folder.latest(work) / "report.html").read_text(
        encoding="utf-8"
    )
    assert "was hard and I cannot sleep" in again.reported(work, texts=True)
    capsys.readouterr()
    assert (
        main.main(["report", "--texts", "--work", str(work)]) == 0
        and "was hard and I cannot sleep" in capsys.readouterr().out
    )


def test_every_step_is_in_the_page_and_leads_to_what_it_was_made_from(tmp_path: Path):
    work = built(tmp_path)
    page = again.reported(work)
    steps = [
        entry["step"]
        for entry in run_folder.taken(run_folder.latest(work))
        if entry["stage"] != "report"
    ]
    assert all(f'id="step-{step}"' in page for step in steps)
    assert set(re.findall(r'href="#(step-[^"]+)"', page)) <= set(
        re.findall(r'id="(step-[^"]+)"', page)
    )
    collect, clean = (
        next(step for step in steps if step.startswith(stage)) for stage in ("collect", "clean")
    )
    row = page[page.index(f'id="step-{clean}"') :]
    assert f'href="#step-{collect}"' in row[: row.index("</tr>")]


def test_a_judged_figure_leads_back_to_judge_prompt_and_cost(tmp_path: Path):
    from psycopref.flows import dataset
    from psycopref.lab import Lab
    from psycopref.recipes import load_recipe, resolved

    short, recipe = load_recipe("quickstart")
    small = recipe.dataset.model_copy(
        update={
            "collect": recipe.dataset.collect.model_copy(
                update={
                    "sources": (recipe.dataset.collect.sources[0].model_copy(update={"take": 12}),)
                }
            )
        }
    )
    recipe = recipe.model_copy(update={"dataset": small})
    with Lab(tmp_path) as lab:
        made = dataset.built(recipe.dataset, lab)
        data = content.content(
            content.Run(tmp_path, short, lab.taken, recipe, resolved(recipe), made.metrics, {}),
            lab.ledger,
        )
    asked = {one.stage: one for one in behind(data.lineage, DRAWINGS["chosen"].made_by)}
    assert set(asked) == {"pair", "respond", "rate"} and asked["pair"].calls == 0
    assert asked["rate"].models == ("sample-judge",) and re.fullmatch(
        r"rate [0-9a-f]{12}", asked["rate"].prompts[0]
    )
    assert asked["rate"].calls == 12 * 7 and asked["rate"].dollars == 0.0
    assert data.private == set(), "the sample's licence is known"
