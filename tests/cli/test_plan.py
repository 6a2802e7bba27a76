"""`psycopref plan` through the command: its numbers, its assumptions, and what it refuses."""

import pytest
from helpers.small_dataset import write

from psycopref.cli.main import main
from psycopref.errors import RecipeError
from psycopref.runs.claim import Claim
from psycopref.runs.planning import lines
from psycopref.stats import power
from psycopref.stats.coefficients import coefficients
from psycopref.stats.intervals import wilson


def test_the_table_says_what_was_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--rate", "0.6", "--ties", "0.2", "--topics", "4"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        f"{power.prompts_for_rate(0.6, 0.2, 0.8):,}",
        f"{power.prompts_for_rate(0.6, 0.2, 0.9):,}",
        "20% ties and flips",
        "0.05/4",
        "Wilson",
        "both orders",
    ):
        assert words in said, said


def test_more_is_needed_where_less_is_to_be_seen() -> None:
    def first(**change: float) -> tuple[int, ...]:
        return lines(Claim(**change))[0].counts  # type: ignore[arg-type]

    assert (
        first(rate=0.55) > first(rate=0.6) > first(rate=0.6, ties=0.5) and first()[1] > first()[0]
    )
    assert lines(Claim(topics=20))[1].counts > lines(Claim())[1].counts > lines(Claim())[0].counts
    assert lines(Claim(correlation=0.0))[2].counts > lines(Claim())[2].counts
    assert lines(Claim(clustering=1.5))[3].counts[0] == pytest.approx(
        1.5 * lines(Claim())[3].counts[0], abs=1
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rate", "0.5"], "a half"),
        (["--rate", "0.95"], "cannot come with"),
        (["--rate", "1.5", "--sd", "0.3"], "--rate (a win rate) must lie from 0 to 1, found 1.5"),
        (["--clustering", "0.5"], "design effect"),
        (["--clustering", "inf"], "--clustering"),
        (["--difference", "5"], "--difference"),
        (
            ["--seconds", "nan"],
            "--seconds (the time for one pair) must lie from 0 to 86,400, found nan",
        ),
        (["--seconds", "inf"], "found inf"),
        (["--kappa", "nan"], "--kappa (a coefficient)"),
        (["--agreement", "2"], "--agreement"),
        (["--prevalence", "nan"], "--prevalence"),
        (["--kappa-within", "1e-300"], "--kappa-within (a half-width)"),
        (["--ties", "-0.1"], "--ties"),
        (["--correlation", "1"], "--correlation"),
        (["--within", "0"], "half-width"),
        (["--topics", "0"], "topics"),
        (["--sd", "0"], "sd"),
    ],
)
def test_what_cannot_be_planned_is_said(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *words]) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_every_number_of_a_claim_has_a_range() -> None:
    for name in Claim._fields:
        with pytest.raises(RecipeError, match=f"--{name.replace('_', '-')} "):
            lines(Claim(**{name: float("nan")}))


def test_a_topics_line_says_when_a_claim_on_a_topic_can_be_made() -> None:
    topic = lines(Claim())[1]
    assert topic.counts == (
        power.prompts_for_topic(0.6, 0.2, 8, 0.8),
        power.prompts_for_topic(0.6, 0.2, 8, 0.9),
    )
    for words in (
        "in one of 8",
        "interaction test",
        "exact sign test at 0.05/8",
        "at least 30",
        "20% ties",
    ):
        assert words in topic.claim + topic.assumed
    assert lines(Claim(rate=0.95, ties=0.0))[1].counts == (
        30,
        30,
    ), "no topic of fewer prompts has a claim"
    assert "240" in str(lines(Claim(agreement=1.0, within=0.4))[4].counts), (
        "experts' figures of a topic need 30 pairs too"
    )
    assert [one.claim for one in lines(Claim(topics=1)) if "topic" in one.claim] == []


def test_the_best_that_could_happen_needs_more_than_two() -> None:
    sure = lines(Claim(rate=1.0, ties=0.0, kappa=1.0))
    assert sure[0].counts == (4, 4) and wilson(1.0, 4)[0] > 0.5 > wilson(1.0, 3)[0]
    assert sure[2].counts[0] > 50, "if one system always wins, the other does not"
    kappa = coefficients([[0, 0], [2, 2]] * 20, [str(n) for n in range(40)], [0, 2], draws=100)[
        "kappa"
    ]
    assert kappa.low is not None and 30 < sure[5].counts[0] < 40 and 1 - kappa.low < 0.2


def test_a_recipes_test_split(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path)
    assert main(["plan", "--recipe", str(recipe), "--work", str(tmp_path / "work")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "test speeches: with 20% ties and flips the smallest win rate" in said
