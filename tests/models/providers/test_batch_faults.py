"""The batch API where something goes wrong: nothing is handed in twice, no batch holds up another,
and each error says what helps.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from helpers.batches import ASKS, Provider, entry

from psycopref.errors import ModelError
from psycopref.lab import Lab
from psycopref.models.calling import dispatch
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.batch import Batch
from psycopref.store.calls import Ask, Message, Reply


def instead(
    provider: Provider, method: str, end: str, answer: tuple[int, bytes], times: int = 1000
) -> None:
    """Have requests to an address that ends so answered otherwise, after they were dealt with as
    usual.
    """
    usual, left = provider.answer, [times]

    def other(asked: str, path: str, raw: bytes) -> tuple[int, bytes] | None:
        found = usual(asked, path, raw)
        if asked == method and path.endswith(end) and left[0]:
            left[0] -= 1
            return answer
        return found

    provider.server.other = other


def lines(provider: Provider) -> list[int]:
    """How many calls each batch holds."""
    return [
        len(provider.files[one["input_file_id"]].splitlines()) for one in provider.batches.values()
    ]


@pytest.mark.parametrize("status", [408, 409, 429, 504])
def test_a_batch_whose_making_was_answered_with_a_fault_is_not_made_twice(
    provider: Provider, tmp_path: Path, status: int
) -> None:
    instead(provider, "POST", "/batches", (status, b"gateway"), times=1)
    assert len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7
    assert lines(provider) == [7]


def test_a_batch_that_was_cut_off_is_looked_for_on_every_page(
    provider: Provider, tmp_path: Path
) -> None:
    provider.dying = "POST batches"
    with pytest.raises(ModelError, match="418"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    usual, asked = provider.answer, []

    def pages(method: str, path: str, raw: bytes) -> tuple[int, bytes] | None:
        if method == "GET" and "batches?" in path:
            asked.append(path)
            first: dict[str, Any] = {
                "data": [{"id": f"x/{n}"} for n in range(100)],
                "has_more": True,
            }
            last = {"data": list(provider.batches.values()), "has_more": False}
            return 200, json.dumps(last if "after=x/99" in unquote(path) else first).encode()
        return usual(method, path, raw)

    provider.server.other = pages
    assert len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7
    assert lines(provider) == [7] and len(asked) == 2


def test_a_list_that_does_not_end_hands_nothing_in_again(
    provider: Provider, tmp_path: Path
) -> None:
    provider.dying = "POST batches"
    with pytest.raises(ModelError, match="418"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    instead(provider, "GET", "batches?limit=100", (200, b'{"data": [], "has_more": true}'))
    usual = provider.server.other
    provider.server.other = lambda method, path, raw: (
        (200, b'{"data": [], "has_more": true}') if "after=" in path else usual(method, path, raw)
    )
    with pytest.raises(ModelError, match="does not go on"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    assert lines(provider) == [7]


def test_a_batch_that_failed_is_not_taken_for_its_successor(
    provider: Provider, tmp_path: Path
) -> None:
    """All calls failed and are handed in anew; that is cut off before the batch is made; the failed
    one must not be found in its place.
    """
    provider.lost = {ask.call_id for ask in ASKS}
    with pytest.raises(ModelError, match="7 of 7 calls unanswered"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    provider.dying = "POST files"
    with pytest.raises(ModelError, match="418"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    assert len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7 and lines(provider) == [
        7,
        7,
    ]


def test_a_batch_that_another_file_names_is_not_adopted(provider: Provider, tmp_path: Path) -> None:
    list(Batch(entry(provider), tmp_path).answer(ASKS[:3]))
    provider.dying = "POST files"
    with pytest.raises(ModelError, match="418"):
        list(Batch(entry(provider), tmp_path).answer(ASKS[3:]))
    (cut,) = (
        state
        for path in tmp_path.glob("*.json")
        if not (state := json.loads(path.read_text()))["batch"]
    )
    provider.batches["batch-0"]["metadata"] = {"psycopref": cut["key"]}
    assert {one.call_id for one in Batch(entry(provider), tmp_path).answer(ASKS[3:])} == {
        ask.call_id for ask in ASKS[3:]
    }
    assert lines(provider) == [3, 4]


def test_a_batch_that_is_gone_holds_up_no_other(provider: Provider, tmp_path: Path) -> None:
    list(Batch(entry(provider), tmp_path, file=3).answer(ASKS))
    states = {json.loads(path.read_text())["batch"]: path for path in tmp_path.glob("*.json")}
    provider.gone = {"batches/batch-0"}
    got: list[Reply] = []
    with pytest.raises(ModelError, match="404: no batch batch-0") as caught:
        got.extend(Batch(entry(provider), tmp_path, file=3).answer(ASKS))
    assert {one.call_id for one in got} == {ask.call_id for ask in ASKS[3:]} and lines(
        provider
    ) == [3, 3, 1]
    assert f"delete {states['batch-0']} and run again" in str(caught.value)
    states["batch-0"].unlink()
    assert len(list(Batch(entry(provider), tmp_path, file=3).answer(ASKS))) == 7 and lines(
        provider
    ) == [
        3,
        3,
        1,
        3,
    ]


def test_what_cannot_be_handed_in_does_not_keep_the_rest_from_being_collected(
    provider: Provider, tmp_path: Path
) -> None:
    list(Batch(entry(provider), tmp_path).answer(ASKS[:4]))
    provider.server.other = lambda method, path, raw: (
        (400, b"{}") if path.endswith("/files") else provider.answer(method, path, raw)
    )
    got: list[Reply] = []
    with pytest.raises(ModelError, match="400: /files was not accepted"):
        got.extend(Batch(entry(provider), tmp_path).answer(ASKS))
    assert len(got) == 4


def test_a_call_that_is_not_accepted_is_said_with_its_code(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = provider.server.respond

    def respond(
        body: dict[str, Any], auth: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        if "hello 0" in json.dumps(body):
            return (
                400,
                {
                    "error": {
                        "message": "too long: hello 0",
                        "code": "unsupported_parameter",
                        "type": "no: hello 0",
                    }
                },
                {},
            )
        return usual(body, auth, headers)

    monkeypatch.setattr(provider.server, "respond", respond)
    with pytest.raises(
        ModelError,
        match=(
            r"1 of 7 calls were not accepted \(400, unsupported_parameter\); running again does"
            r" not help"
        ),
    ) as caught:
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    assert "hello" not in str(caught.value) and "run again" not in str(caught.value)


def test_a_prompt_that_is_not_taken_is_that_calls_outcome(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = provider.server.respond

    def respond(
        body: dict[str, Any], auth: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        codes = {"hello 0": "context_length_exceeded", "hello 1": "invalid_prompt"}
        for words, code in codes.items():
            if words in json.dumps(body):
                return 400, {"error": {"message": f"no: {words}", "code": code}}, {}
        return usual(body, auth, headers)

    monkeypatch.setattr(provider.server, "respond", respond)
    got = Counter(one.outcome for one in Batch(entry(provider), tmp_path).answer(ASKS))
    assert got == {"ok": len(ASKS) - 2, "overlong": 1, "filtered": 1}


def test_the_codes_of_faults_are_said(provider: Provider, tmp_path: Path) -> None:
    provider.lost = {ASKS[0].call_id}
    with pytest.raises(
        ModelError, match=r"1 of 7 calls unanswered \(500, server_error\); run again"
    ):
        list(Batch(entry(provider), tmp_path).answer(ASKS))


def test_a_cut_line_is_read_again_and_not_paid_for_again(
    provider: Provider, tmp_path: Path
) -> None:
    whole: list[str] = []

    def cut(what: str) -> None:
        key = "output_file_id-batch-0"
        if key in provider.files and not whole:
            whole.append(provider.files[key])
            provider.files[key] = whole[0][:-20]

    provider.after = cut
    got: list[Reply] = []
    with pytest.raises(ModelError, match="1 of 7 lines that are cut") as caught:
        got.extend(Batch(entry(provider), tmp_path).answer(ASKS))
    assert len(got) == 6 and caught.value.__cause__ is None and caught.value.__context__ is None
    provider.files["output_file_id-batch-0"] = whole[0]
    assert len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7 and lines(provider) == [7]


@pytest.mark.parametrize(
    ("method", "end"), [("POST", "/files"), ("POST", "/batches"), ("GET", "/batches/batch-0")]
)
def test_an_error_of_status_200_is_no_answer(
    provider: Provider, tmp_path: Path, method: str, end: str
) -> None:
    instead(
        provider,
        method,
        end,
        (200, b'{"error": {"message": "hello 0", "code": "overloaded"}}'),
        times=1,
    )
    with pytest.raises(
        ModelError, match=r"an answer without `(id|status)` \(overloaded\)"
    ) as caught:
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    assert "hello" not in str(caught.value)
    assert len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7 and lines(provider) == [7]


def test_nothing_more_is_handed_in_once_it_is_stopped(provider: Provider, tmp_path: Path) -> None:
    first = Batch(entry(provider), tmp_path, file=1)
    provider.after = lambda what: first.stop() if what == "POST batches" else None
    assert list(first.answer(ASKS)) == [] and lines(provider) == [1]
    (state,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert state["batch"] == "batch-0", "the hand-in that was under way has been written down"
    assert (
        len(list(Batch(entry(provider), tmp_path, file=1).answer(ASKS))) == 7
        and lines(provider) == [1] * 7
    )


def test_without_a_word_on_concurrency_calls_go_in_together(
    provider: Provider, tmp_path: Path
) -> None:
    asks = [Ask("m", (Message("user", f"hello {n}"),)) for n in range(40)]
    plain = ModelEntry(name="m", kind="openai-batch", url=provider.server.url)
    with Lab(tmp_path) as lab:
        assert len(list(lab.ask(asks, [plain]))) == 40 and lines(provider) == [40]
    assert dispatch.together(plain) >= 20_000 and dispatch.together(entry(provider)) == 1000
