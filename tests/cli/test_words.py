"""The words of the command line: every help has an example and says the defaults."""

import argparse

import pytest

from psycopref.cli import plan
from psycopref.cli.main import COMMANDS, main, parser
from psycopref.runs.claim import SPANS, Claim

NAMES = [module.__name__.rpartition(".")[2] for module in COMMANDS]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["", *NAMES])
def test_every_help_has_examples_that_are_commands(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, *filter(None, [name]))
    _, _, examples = out.partition("examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines and all(line.startswith(f"psycopref {name}".rstrip()) for line in lines)
    assert max(map(len, out.splitlines())) <= 80
    for line in lines:
        words = line.removeprefix("psycopref ").split("  ")[0].split(" | ")[0].split(" > ")[0]
        if "COMMAND" not in words:
            assert parser().parse_args(words.split()).do


@pytest.mark.parametrize("name", NAMES)
def test_every_word_says_what_it_is_and_its_default(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = parser()
    commands = next(one for one in made._actions if isinstance(one, argparse._SubParsersAction))
    out = " ".join(said(capsys, name).split())
    for action in commands.choices[name]._actions:
        assert action.help, f"{name} {action.dest}"
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert f"(default: {action.default})" in out
    assert "(default: work)" in out and "None" not in out and "(default: )" not in out


def test_the_plan_knows_every_number_of_a_claim() -> None:
    assert set(plan.NUMBERS) == set(Claim._fields) == set(SPANS)
    args = parser().parse_args(["plan"])
    assert Claim(**{name: getattr(args, name) for name in Claim._fields}) == Claim()


def test_an_export_has_no_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "policy", "x", "--format", "hf"])
    assert ended.value.code == 2 and "--format" in capsys.readouterr().err
