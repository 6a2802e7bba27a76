"""docs/notebook.md runs from top to bottom as one notebook, against a real server on loopback."""

import re
from pathlib import Path

import pytest
from helpers.loopback import Loopback

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def winner(body: dict[str, object]) -> str | None:
    """What a judge says of two answers: the longer one is better."""
    text = str(body["messages"][-1]["content"])  # type: ignore[index]
    shown = re.findall(r'<response id="\d+">\n?(.*?)\n?</response>', text, re.DOTALL)
    if '"winner"' not in text or len(shown) != 2:
        return None
    return f'{{"rationale": "longer", "winner": "{1 + (len(shown[1]) > len(shown[0]))}"}}'


def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with Loopback() as server:
        server.extra = winner
        for block in BLOCKS:
            code = re.sub(r"http://localhost:800\d/v1", server.url, block)
            exec(compile(code, PAGE.name, "exec"), names)
        asked = sum(server.book.requests.values())
        exec(compile(re.sub(r"http://localhost:800\d/v1", server.url, BLOCKS[0]), "", "exec"), {})
        assert sum(server.book.requests.values()) == asked, "a second time nothing is asked"
    said = capsys.readouterr().out
    assert said.count("Interval(value=") >= 3 and "report.html" in said


def test_the_readme_shows_the_same_ten_lines() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"```python\n{BLOCKS[0]}```" in readme
    lines = [line for line in BLOCKS[0].splitlines() if line]
    assert lines[0] == "import psycopref as pp" and len(lines) == 11
