"""The card of exported preferences says the licences of what they were made of, and takes no label
that says less.
"""

import json
from pathlib import Path

import pytest
from helpers import small_dataset

from psycopref.cli.main import main
from psycopref.progress import Progress
from psycopref.runs import run


def mixed(folder: Path, more: str) -> Path:
    """The workspace of a finished run over published preferences and one made-up row of Psych8k."""
    recipe = small_dataset.write(folder)
    row = {
        "instruction": "Be kind.",
        "input": "I cannot sleep since the move.",
        "output": "What keeps you awake?",
    }
    (folder / "psych.json").write_text(json.dumps([row]), encoding="utf-8")
    text = recipe.read_text(encoding="utf-8")
    place = f'path = "{folder / "published"}"'
    assert place in text
    other = f'{{ name = "psych8k", path = "{folder / "psych.json"}" }}'
    recipe.write_text(text.replace(f"{place} }}", f"{place}{more} }}, {other}"), encoding="utf-8")
    run.run(str(recipe), folder / "work", Progress(quiet=True))
    return folder / "work"


def export(work: Path, out: Path, *options: str) -> int:
    return main(["export", "preferences", str(out), "--work", str(work), *options])


def test_a_non_commercial_source_marks_the_card_and_refuses_other_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = mixed(tmp_path, ', licence = "CC-BY-4.0"')
    assert export(work, tmp_path / "out", "--licence", "MIT") == 1
    assert (
        "source 'psych8k' is CC-BY-NC-SA-4.0" in capsys.readouterr().err
        and not (tmp_path / "out").exists()
    )
    assert export(work, tmp_path / "plain") == 0
    card = (tmp_path / "plain" / "README.md").read_text(encoding="utf-8")
    assert (
        card.startswith("---\nlicense: other\n")
        and "NOT FOR COMMERCIAL USE, because of psych8k." in card
        and "published: CC-BY-4.0" in card
    )
    assert export(work, tmp_path / "out", "--licence", "CC-BY-NC-SA-4.0") == 0
    assert (
        (tmp_path / "out" / "README.md")
        .read_text(encoding="utf-8")
        .startswith("---\nlicense: cc-by-nc-sa-4.0\n")
    )


def test_an_unknown_licence_is_said_and_not_papered_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = small_dataset.built(tmp_path)
    assert export(work, tmp_path / "out", "--licence", "Apache-2.0") == 1
    assert "licence of source 'published' is not known" in capsys.readouterr().err
    assert export(work, tmp_path / "out") == 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert (
        card.startswith("---\nlicense: other\n")
        and "The licence of published is not known here" in card
    )


def test_weights_take_no_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            ["export", "reward", str(tmp_path / "out"), "--work", str(tmp_path), "--licence", "MIT"]
        )
        == 1
    )
    assert "the option is for preferences" in capsys.readouterr().err
