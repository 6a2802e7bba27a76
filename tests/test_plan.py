"""`psycopref plan` through the command: its numbers, its assumptions, and what it refuses."""

import pytest
from small_dataset import write

from psycopref.cli import main
from psycopref.plan import Claim, lines
from psycopref.stats import power


def test_the_table_says_what_was_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--rate", "0.6", "--ties", "0.2", "--topics", "4"]) == 0
    said = capsys.readouterr().out
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

    assert first(rate=0.55) > first(rate=0.6) > first(rate=0.6, ties=0.5) and first()[1] > first()[0]
    assert lines(Claim(topics=20))[1].counts > lines(Claim())[1].counts > lines(Claim())[0].counts
    assert lines(Claim(correlation=0.0))[2].counts > lines(Claim())[2].counts
    assert lines(Claim(clustering=1.5))[3].counts[0] == pytest.approx(1.5 * lines(Claim())[3].counts[0], abs=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rate", "0.5"], "a half"),
        (["--rate", "1.2"], "cannot come with"),
        (["--clustering", "0.5"], "design effect"),
        (["--within", "0"], "half-width"),
        (["--topics", "0"], "topics"),
        (["--sd", "0"], "sd"),
    ],
)
def test_what_cannot_be_planned_is_said(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words]) == 1
    assert says in capsys.readouterr().err


def test_a_recipes_test_split(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path)
    assert main(["plan", "--recipe", str(recipe), "--work", str(tmp_path / "work")]) == 0
    assert "test speeches: with 20% ties and flips the smallest win rate" in capsys.readouterr().out
