"""Calls made elsewhere: what is missing goes out in the batch format, answers come back, and the run makes no call."""

import json
from pathlib import Path

import pytest
from loopback import Loopback
from test_kill import RECIPE

from psycopref import runs
from psycopref.cli import main
from psycopref.progress import Progress


def batched(server: Loopback, asks: str) -> str:
    """What a provider's batch answer file would hold: one line per request, in another order."""
    lines = []
    for ask in sorted(map(json.loads, asks.splitlines()), key=lambda one: one["custom_id"][::-1]):
        assert ask["method"] == "POST" and ask["url"] == "/v1/chat/completions"
        status, body, _ = server.respond(ask["body"], "", {})
        lines.append(json.dumps({"id": "batch-1", "custom_id": ask["custom_id"], "response": {"status_code": status, "body": body}, "error": None}))
    return "\n".join(lines) + "\n"


def test_a_dataset_built_through_batches_is_the_one_built_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, replies = str(tmp_path / "work"), tmp_path / "replies.jsonl"
    with Loopback() as server:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(RECIPE.format(url=server.url, c=4).replace("low = 640", "low = 700"), encoding="utf-8")
        sent = []
        while True:
            assert main(["calls", "missing", str(recipe), "--work", work]) == 0
            asks = capsys.readouterr().out
            if not asks:
                break
            sent.append(len(asks.splitlines()))
            replies.write_text(batched(server, asks), encoding="utf-8")
            assert main(["calls", "add", str(replies), "--work", work]) == 0
            assert str(sent[-1]) in capsys.readouterr().out
        assert len(sent) == 2, "responses first, then their ratings"
        before = sum(server.book.requests.values())
        runs.run(str(recipe), Path(work), Progress(quiet=True))
        assert sum(server.book.requests.values()) == before == sum(sent)
        runs.run(str(recipe), tmp_path / "live", Progress(quiet=True))
    one, two = ({p.name for p in (folder / "steps").iterdir()} for folder in (Path(work), tmp_path / "live"))
    assert one == two, "the same rows, so the same keys"


def test_answers_nobody_asked_for_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, replies = str(tmp_path / "work"), tmp_path / "replies.jsonl"
    with Loopback() as server:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(RECIPE.format(url=server.url, c=4).replace("low = 640", "low = 800"), encoding="utf-8")
        assert main(["calls", "missing", str(recipe), "--work", work]) == 0
        asks = capsys.readouterr().out
        good = batched(server, asks)
    for bad, message in (("{", "line 2: not a batch answer"), (json.dumps({"custom_id": "call-0", "response": {}}), "was not asked for")):
        replies.write_text(good.splitlines()[0] + "\n" + bad + "\n", encoding="utf-8")
        assert main(["calls", "add", str(replies), "--work", work]) == 1
        error = capsys.readouterr().err
        assert message in error and "nothing was added" in error
        assert main(["calls", "missing", str(recipe), "--work", work]) == 0
        assert capsys.readouterr().out == asks
