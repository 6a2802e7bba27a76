"""Two runs side by side: what differs, what is paired and what is not."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from psycopref.report import two_runs
from psycopref.report.games import Game
from psycopref.report.markdown import twin
from psycopref.stats.intervals import paired_difference
from psycopref.tables import Response, Verdict, Winner, content_id, metric

WINNERS: dict[float, Winner] = {1.0: "first", 0.5: "tie", 0.0: "second"}
SPEECHES = [f"speech-{n}" for n in range(30)]


def game(
    wins: list[float],
    ours: str = "a",
    rival: str = "rival",
    judge: str = "gpt",
    speeches: list[str] = SPEECHES,
    both: bool = False,
) -> Game:
    """Our system met the rival on every speech; `wins` are 1, 0.5 or 0."""
    mine = [Response(f"{ours}-{one}", one, ours, f"{ours} says {one}") for one in speeches]
    theirs = [Response(f"{rival}-{one}", one, rival, f"{rival} says {one}") for one in speeches]
    said: list[Verdict] = []
    for point, us, them in zip(wins, mine, theirs, strict=True):
        winner: Winner = WINNERS[point]
        said.append(verdict(us, them, winner, judge))
        if both:
            said.append(
                verdict(
                    them, us, {"first": "second", "second": "first", "tie": "tie"}[winner], judge
                )
            )  # type: ignore[arg-type]
    return Game("winrate", "raw", ("ours", "theirs"), said, mine, theirs, 2 if both else 1)


def verdict(first: Response, second: Response, winner: Winner, judge: str) -> Verdict:
    return Verdict(
        content_id("verdict", first.response_id, second.response_id, judge),
        first.speech_id,
        first.response_id,
        second.response_id,
        "overall",
        judge,
        winner,
    )


def side(
    name: str,
    *games: Game,
    recipe: dict | None = None,
    metrics: list | None = None,
    margins: dict | None = None,
) -> two_runs.Side:
    return two_runs.Side(name, recipe or {}, metrics or [], games, margins or {})


WINS = [float(value) for value in np.random.default_rng(0).choice([0, 0.5, 1], 30)]
MORE = [min(1.0, value + 0.5) for value in WINS]


@pytest.mark.parametrize("both", [False, True])
def test_win_rates_are_paired_by_speech(both: bool):
    (found,) = two_runs.paired(
        side("one", game(WINS, both=both)), side("two", game(MORE, ours="b", both=both))
    )
    assert found.found == paired_difference(MORE, WINS, SPEECHES) and found.found.low > 0
    assert found.values == pytest.approx((np.mean(WINS), np.mean(MORE)))


def test_only_speeches_on_which_both_met_the_same_answer_count():
    part = game(MORE[:10], ours="b", speeches=SPEECHES[:10])
    assert two_runs.paired(side("one", game(WINS)), side("two", part))[0].found.n == 10
    (found,) = two_runs.paired(
        side("one", game(WINS)), side("two", game(MORE, ours="b", rival="another"))
    )
    assert found.found is None and "no speech on which both met the same answer" in found.why


def test_another_judge_is_not_paired():
    (found,) = two_runs.paired(
        side("one", game(WINS)), side("two", game(MORE, ours="b", judge="llama"))
    )
    assert found.found is None and found.why == "not paired: judged by gpt and by llama"


def test_reward_models_are_paired_on_the_same_pairs():
    def margins(values: list[float]) -> dict[str, pl.DataFrame]:
        rows = {
            "speech_id": SPEECHES[: len(values)],
            "chosen_id": [f"c{n}" for n in range(len(values))],
            "rejected_id": [f"r{n}" for n in range(len(values))],
        }
        return {"test": pl.DataFrame({**rows, "margin": values})}

    (found,) = two_runs.paired(
        side("one", margins=margins([1.0, -1.0, 0.0, 2.0])),
        side("two", margins=margins([1.0, 1.0, 1.0])),
    )
    assert (
        found.found.value == pytest.approx(0.5)
        and found.found.n == 3
        and found.values == pytest.approx((0.5, 1.0))
    )


def test_settings_that_differ_are_named_and_long_ones_shortened():
    one = {
        "a": {"b": 1, "prompt": "x" * 500},
        "sources": [{"name": "csv", "label": "ours", "take": 5}],
        "gone": "here",
    }
    two = {
        "a": {"b": 2, "prompt": "x" * 499 + "y"},
        "sources": [{"name": "csv", "label": "ours", "take": 6}],
    }
    found = {name: (before, after) for name, before, after in two_runs.settings(one, two)}
    assert (
        found["a.b"] == ("1", "2")
        and found["sources[ours].take"] == ("5", "6")
        and found["gone"] == ("here", "")
    )
    assert (
        all("500 letters" in value for value in found["a.prompt"])
        and found["a.prompt"][0] != found["a.prompt"][1]
    )
    assert two_runs.settings(one, one) == []


def test_the_page_says_all_of_it_and_so_does_its_twin():
    first = side(
        "one",
        game(WINS),
        recipe={"beta": 0.1},
        metrics=[
            metric("winrate", "overall:raw", 0.5, 0.4, 0.6, 30),
            metric("seconds", "run", 5.0, count=1),
        ],
    )
    second = side(
        "two",
        game(MORE, ours="b"),
        recipe={"beta": 0.2},
        metrics=[metric("winrate", "overall:raw", 0.7, 0.6, 0.8, 30)],
    )
    page = two_runs.render(first, second)
    assert (
        "the second is ahead" in page
        and "beta" in page
        and "0.200" in page
        and "seconds" not in page
    )
    text = twin(page)
    assert "the second is ahead" in text and "## Settings that differ" in text and "<td" not in text
    assert "The recipes are the same" in two_runs.render(
        first, first
    ) and "neither is shown to be better" in two_runs.render(first, first)


def test_nothing_in_common_is_said():
    assert "Nothing is paired" in two_runs.render(side("one"), side("two"))


def test_one_speech_for_each_outcome_by_a_hash():
    picked = game(WINS, both=True).picked()
    assert [outcome for outcome, *_ in picked] == ["won", "tied", "lost"]
    scores = {speech: score for speech, _, _, score in game(WINS, both=True).scores().iter_rows()}
    assert [scores[speech] for _, speech, *_ in picked] == [1.0, 0.5, 0.0]


def test_a_prompt_with_one_failed_order_is_not_scored():
    whole = game([1.0] * 30, both=True)
    half = dataclasses.replace(
        whole, verdicts=[row for at, row in enumerate(whole.verdicts) if at != 1]
    )
    assert len(whole.scores()) == 30 and half.scores().height == 29
    alone = dataclasses.replace(whole, verdicts=list(whole.verdicts)[:1])
    assert not alone.scores().height and not alone.picked()
