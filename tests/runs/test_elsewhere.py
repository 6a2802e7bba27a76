"""Calls made elsewhere: what is missing goes out in the batch format, answers come back, and the
run makes no call.
"""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from helpers.kill_recipe import RECIPE
from helpers.loopback import Loopback

from psycopref.cli.main import main
from psycopref.errors import StoreError
from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.runs.elsewhere import ASKS, add
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.keys import canonical
from psycopref.store.ledger import Ledger


def batched(server: Loopback, asks: str) -> str:
    """What a provider's batch answer file would hold: one line per request, in another order."""
    lines = []
    for ask in sorted(map(json.loads, asks.splitlines()), key=lambda one: one["custom_id"][::-1]):
        assert ask["method"] == "POST" and ask["url"] == "/v1/chat/completions"
        status, body, _ = server.respond(ask["body"], "", {})
        lines.append(
            json.dumps(
                {
                    "id": "batch-1",
                    "custom_id": ask["custom_id"],
                    "response": {"status_code": status, "body": body},
                    "error": None,
                }
            )
        )
    return "\n".join(lines) + "\n"


def test_a_dataset_built_through_batches_is_the_one_built_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, replies = str(tmp_path / "work"), tmp_path / "replies.jsonl"
    with Loopback() as server:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(
            RECIPE.format(url=server.url, c=4)
            .replace("low = 640", "low = 700")
            .replace('"judge", kind', '"judge", price_in = 9.0, price_out = 9.0, kind'),
            encoding="utf-8",
        )
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
        run.run(str(recipe), Path(work), Progress(quiet=True))
        assert sum(server.book.requests.values()) == before == sum(sent)
        kept = Ledger(Path(work) / "calls.sqlite")
        assert {row["stage"] for row in kept.summary()} == {"respond", "rate"} and kept.spent() > 0
        run.run(str(recipe), tmp_path / "live", Progress(quiet=True))
    one, two = (
        {p.name for p in (folder / "steps").iterdir()} for folder in (Path(work), tmp_path / "live")
    )
    assert one == two, "the same rows, so the same keys"


def test_answers_nobody_asked_for_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, replies = str(tmp_path / "work"), tmp_path / "replies.jsonl"
    with Loopback() as server:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(
            RECIPE.format(url=server.url, c=4).replace("low = 640", "low = 800"), encoding="utf-8"
        )
        assert main(["calls", "missing", str(recipe), "--work", work]) == 0
        asks = capsys.readouterr().out
        good = batched(server, asks)
    for bad, message in (
        ("{", "line 2: not a batch answer"),
        (json.dumps({"custom_id": "call-0", "response": {}}), "was not asked for"),
    ):
        replies.write_text(good.splitlines()[0] + "\n" + bad + "\n", encoding="utf-8")
        assert main(["calls", "add", str(replies), "--work", work]) == 1
        error = capsys.readouterr().err
        assert message in error and "nothing was added" in error
        assert main(["calls", "missing", str(recipe), "--work", work]) == 0
        assert capsys.readouterr().out == asks


ASK = Ask("m", (Message("user", "one\u2028two\x85three"),))
SECRET = "I never told anyone"


def added(work: Path, *lines: object, raw: bytes = b"") -> tuple[int, Reply | None]:
    """What `add` made of a batch answer file: how many were new, and the reply to ASK."""
    (work / ASKS).write_text(canonical(ASK) + "\n", encoding="utf-8")
    path, ledger = work / "replies.jsonl", Ledger(work / "calls.sqlite")
    path.write_bytes(
        raw
        + "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode(
            "utf-8", "surrogatepass"
        )
    )
    try:
        return add(ledger, path).new, ledger.get([ASK.call_id]).get(ASK.call_id)
    finally:
        ledger.close()


def line(body: object, status: int = 200, **more: object) -> dict[str, Any]:
    return {
        "custom_id": ASK.call_id,
        "response": {"status_code": status, "body": body},
        "error": None,
        **more,
    }


def said(content: object, **more: object) -> dict[str, Any]:
    return {
        "model": "m-1",
        "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        **more,
    }


def test_line_separators_inside_texts_are_not_line_ends(tmp_path: Path) -> None:
    assert added(tmp_path, line(said("a\u2028b\x85c"))) == (
        1,
        Reply(ASK.call_id, "ok", "a\u2028b\x85c", version="m-1"),
    )


def test_what_a_provider_leaves_open_is_nought(tmp_path: Path) -> None:
    usage = {"prompt_tokens": None, "completion_tokens": None}
    assert added(tmp_path, line(said("a", usage=usage) | {"model": None}), raw=b"\xef\xbb\xbf") == (
        1,
        Reply(ASK.call_id, "ok", "a"),
    )


def test_half_a_surrogate_pair_in_a_reply_is_replaced(tmp_path: Path) -> None:
    raw = json.dumps(line(said("a \ud83d"))).encode() + b"\r\n\r\n"
    assert added(tmp_path, raw=raw) == (1, Reply(ASK.call_id, "ok", "a ?", version="m-1"))


@pytest.mark.parametrize(
    "row",
    [
        line({"error": {"code": "content_filter", "message": SECRET}}, 400),
        line(None, 400, error={"code": "content_filter", "message": SECRET}),
    ],
)
def test_a_filtered_request_is_a_final_answer_as_it_is_live(
    tmp_path: Path, row: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert added(tmp_path, row) == (1, Reply(ASK.call_id, "filtered", ""))
    assert capsys.readouterr().err == ""


def test_lines_passed_over_are_counted_by_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = {
        "custom_id": ASK.call_id,
        "response": None,
        "error": {"code": "batch_expired", "message": SECRET},
    }
    rows = [
        line({"error": {"message": SECRET}}, 500),
        line({"error": {"code": "bad", "message": SECRET}}, 400),
        line({}, 500),
        expired,
        line(None),
    ]
    assert added(tmp_path, *rows, expired | {"error": {"code": SECRET}}) == (0, None)
    replies = str(tmp_path / "replies.jsonl")
    assert main(["calls", "add", replies, "--work", str(tmp_path)]) == 0
    error = capsys.readouterr().err
    assert (
        "6 lines were passed over (1 with error batch_expired, 1 with status 400, 2 with status"
        " 500, 2 without an answer)" in error
    )
    assert SECRET not in error and "still missing" in error


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (json.dumps(line({"choices": [{"message": None}]})).encode(), "not a chat completion"),
        (json.dumps(line({"choices": [SECRET]})).encode(), "not a chat completion"),
        (json.dumps(line(SECRET)).encode(), "not a chat completion"),
        (json.dumps(line(said([SECRET]))).encode(), "not a chat completion"),
        (json.dumps(line(said("a", usage=SECRET))).encode(), "not a chat completion"),
        (json.dumps({"custom_id": ASK.call_id, "response": SECRET}).encode(), "not a batch answer"),
        (json.dumps({"custom_id": [SECRET], "response": {}}).encode(), "not a batch answer"),
        (json.dumps([SECRET]).encode(), "not a batch answer"),
        (SECRET.encode(), "not a batch answer"),
        (SECRET.encode() + b" \xe9", "not UTF-8"),
    ],
)
def test_a_line_that_is_no_answer_is_named_and_not_quoted(
    tmp_path: Path, row: bytes, says: str
) -> None:
    with pytest.raises(StoreError, match=f"line 2: .*{says}.*nothing was added") as caught:
        added(tmp_path, raw=json.dumps(line(said("a"))).encode() + b"\n" + row + b"\n")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    ledger = Ledger(tmp_path / "calls.sqlite")
    assert not ledger.ids()
    ledger.close()


def test_only_what_takes_the_format_is_written_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    text = (
        RECIPE.format(url="http://localhost:1/v1", c=4)
        .replace("low = 640", "low = 800")
        .replace('name = "one", kind = "openai"', 'name = "one", kind = "anthropic"')
    )
    recipe.write_text(text, encoding="utf-8")
    assert main(["calls", "missing", str(recipe), "--work", str(tmp_path / "work")]) == 1
    said = capsys.readouterr()
    assert "'one' is of kind 'anthropic'" in said.err and not said.out
