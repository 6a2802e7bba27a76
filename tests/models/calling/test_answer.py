"""Asking at once: each call once and kept, limits honoured, nobody starved, and a clear word about
what got no answer.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Behaviour, Loopback

from psycopref.errors import ModelError, StoreError
from psycopref.models import connect
from psycopref.models.calling import dispatch, lane, rate_limit
from psycopref.models.calling.answer import answer_all
from psycopref.models.calling.requests import CHUNK, Requests
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "calls.sqlite")
    yield one
    one.close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(rate_limit, "CAP", 0.02)


def asks(model: str, count: int, start: int = 0) -> list[Ask]:
    return [Ask(model, (Message("user", f"speech {n}"),)) for n in range(start, start + count)]


def entry(server: Loopback, name: str = "m", **more: object) -> ModelEntry:
    return ModelEntry(name=name, kind="openai", url=server.url, **more)  # type: ignore[arg-type]


def answered(
    ledger: Ledger, asked: Sequence[Ask], *entries: ModelEntry, chunk: int = CHUNK
) -> tuple[list[tuple[Ask, Reply]], int]:
    counts = [0]
    requests = Requests(entries, ledger, "respond", counts.append, Progress(), chunk=chunk)
    return list(answer_all(asked, requests)), sum(counts)


def stream(
    ledger: Ledger, asked: Iterable[Ask], *entries: ModelEntry, **bounds: int
) -> Iterator[tuple[Ask, Reply]]:
    progress = Progress(quiet=False)
    return answer_all(
        asked, Requests(entries, ledger, "respond", lambda n: None, progress, **bounds)
    )


def test_each_call_is_made_once_and_then_never_again(ledger: Ledger) -> None:
    with Loopback() as server:
        first, made = answered(ledger, asks("m", 40), entry(server))
        again, more = answered(ledger, asks("m", 50), entry(server))
    assert (made, more) == (40, 10) and len(first) == 40 and len(again) == 50
    assert all(ask.call_id == reply.call_id for ask, reply in again)
    assert sum(server.book.requests.values()) == 50 and server.book.repeats() == {}
    assert ledger.get([ask.call_id for ask in asks("m", 50)]) == {
        reply.call_id: reply for _, reply in again
    }


def test_equal_asks_are_one_call_and_a_pair_each(ledger: Ledger) -> None:
    with Loopback(default=Behaviour(latency=0.05)) as server:
        pairs, made = answered(ledger, asks("m", 5) * 3, entry(server), chunk=4)
    assert made == 5 and len(pairs) == 15 and sum(server.book.requests.values()) == 5


def test_a_reply_is_in_the_ledger_before_it_is_given(ledger: Ledger) -> None:
    with Loopback() as server:
        for ask, reply in stream(ledger, asks("m", 20), entry(server)):
            assert ledger.get([ask.call_id]) == {ask.call_id: reply}


def test_replies_that_come_together_are_one_commit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    add = ledger.add

    def counted(rows: Sequence[tuple[Ask, Reply]], *more: Any) -> int:
        sizes.append(len(rows))
        return add(rows, *more)

    monkeypatch.setattr(ledger, "add", counted)
    with Loopback(default=Behaviour(latency=0.1)) as server:
        answered(ledger, asks("m", 320), entry(server, concurrency=64))
    assert sum(sizes) == 320 and len(sizes) < 200


def test_asks_stream_through_a_bounded_window(ledger: Ledger) -> None:
    taken, given, most = 0, 0, 0

    def source() -> Iterator[Ask]:
        nonlocal taken
        for ask in asks("m", 300):
            taken += 1
            yield ask

    with Loopback() as server:
        for _ in stream(ledger, source(), entry(server), chunk=10):
            given += 1
            most = max(most, taken - given)
    assert given == 300 and most <= 2 * 8 + 3 * 10


def test_a_model_never_has_more_calls_in_flight_than_it_allows(ledger: Ledger) -> None:
    with Loopback(default=Behaviour(latency=0.02)) as server:
        answered(
            ledger,
            asks("a", 30) + asks("b", 30),
            entry(server, "a", concurrency=3),
            entry(server, "b", concurrency=7),
        )
    assert server.book.most_in_flight == {"a": 3, "b": 7}


def test_a_slow_model_keeps_nobody_waiting(ledger: Ledger) -> None:
    asked = [ask for pair in zip(asks("slow", 60), asks("fast", 60), strict=True) for ask in pair]
    order: list[str] = []
    fast_done = threading.Event()
    with Loopback() as server:
        server.extra = lambda body: (
            "late" if body["model"] == "slow" and fast_done.wait(30) else None
        )
        entries = [entry(server, "slow", concurrency=4), entry(server, "fast", concurrency=4)]
        for ask, _ in stream(ledger, asked, *entries):
            order.append(ask.model)
            if order.count("fast") == 60:
                fast_done.set()
    assert order == ["fast"] * 60 + ["slow"] * 60


def test_a_slow_model_keeps_nobody_waiting_however_many_its_asks(ledger: Ledger) -> None:
    repeated = [*asks("slow", 300), *asks("slow", 50)]
    asked = [ask for pair in zip(repeated, asks("fast", 350), strict=True) for ask in pair]
    order: list[str] = []
    fast_done = threading.Event()
    with Loopback() as server:
        server.extra = lambda body: (
            "late" if body["model"] == "slow" and fast_done.wait(30) else None
        )
        entries = [entry(server, "slow", concurrency=4), entry(server, "fast", concurrency=4)]
        for ask, reply in stream(ledger, asked, *entries, chunk=10):
            assert ask.call_id == reply.call_id
            order.append(ask.model)
            if order.count("fast") == 350 and not fast_done.is_set():
                assert server.book.models["slow"] == 4
                fast_done.set()
    assert order == ["fast"] * 350 + ["slow"] * 350 and server.book.repeats() == {}
    assert [
        path.name
        for path in ledger.path.parent.iterdir()
        if path.name.split("-")[0] != "calls.sqlite"
    ] == []


def test_asks_on_disk_are_bounded_too(ledger: Ledger) -> None:
    taken = 0

    def source() -> Iterator[Ask]:
        nonlocal taken
        for ask in [
            *asks("fast", 1),
            *asks("slow", 400),
        ]:  # the fast model has nothing more to do, and nobody knows
            taken += 1
            yield ask

    with Loopback({"slow": Behaviour(latency=0.02)}) as server:
        entries = [entry(server, "slow", concurrency=4), entry(server, "fast")]
        pairs = stream(ledger, source(), *entries, chunk=10, spilled=5_000)
        assert len([next(pairs) for _ in range(20)]) == 20 and taken < 200
        assert len(list(pairs)) == 381


def test_busy_endpoints_are_asked_again_and_only_answers_are_kept(ledger: Ledger) -> None:
    how = Behaviour(busy=0.3, broken=0.3, bad_tries=3, cut=0.1, refused=0.1, filtered=0.1)
    with Loopback(default=how) as server:
        pairs, made = answered(ledger, asks("m", 80), entry(server))
        again, more = answered(ledger, asks("m", 80), entry(server))
    assert (made, more) == (80, 0) and len(pairs) == 80 and len(again) == 80
    statuses = server.book.statuses
    assert statuses[429] > 20 and statuses[500] > 20 and (statuses[429] + statuses[500]) % 3 == 0
    assert {reply.outcome for _, reply in pairs} == {"ok", "truncated", "refused", "filtered"}
    assert statuses[200] + statuses[400] == 80 and server.book.repeats() == {}


def test_retry_after_is_honoured_by_the_whole_model(ledger: Ledger) -> None:
    with Loopback(default=Behaviour(busy=1.0, retry_after=0.4)) as server:
        began = time.monotonic()
        answered(ledger, asks("m", 4), entry(server))
    assert time.monotonic() - began >= 0.4 and server.book.statuses == {429: 4, 200: 4}


def test_what_got_no_answer_is_said_at_the_end_and_the_rest_is_kept(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "TRIP", 1000)
    with Loopback({"bad": Behaviour(broken=1.0, bad_tries=99)}) as server:
        entries = [entry(server, "bad"), entry(server, "good")]
        asked = asks("bad", 5) + asks("good", 5)
        given: list[tuple[Ask, Reply]] = []
        with pytest.raises(ModelError) as caught:
            given.extend(stream(ledger, asked, *entries))
        assert len(given) == 5 and {ask.model for ask, _ in given} == {"good"}
        assert server.book.models == {"bad": 5 * lane.TRIES, "good": 5}
        message = str(caught.value)
        assert (
            message
            == f"respond: 5 of 10 calls got no answer (bad: 127.0.0.1:{server.port} 500 ×5); the"
            " other 5 are kept; a run after this one makes only the missing ones (where a call"
            " was not accepted, mend that first)"
        )
        server.behaviours = {}
        pairs, made = answered(ledger, asked, *entries)
    assert made == 5 and len(pairs) == 10


def test_a_model_that_is_down_is_left_alone_while_the_others_finish(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        Loopback({"down": Behaviour(status=401)}) as server,
        pytest.raises(ModelError, match="300 of 340 .*down: .* 401: .* ×300"),
    ):
        asked, entries = (
            asks("down", 300) + asks("up", 40),
            [
                entry(server, "down", concurrency=2),
                entry(server, "up"),
            ],
        )
        list(stream(ledger, asked, *entries))
    assert "respond: down is given up" in capsys.readouterr().err
    assert server.book.models["up"] == 40 and server.book.models["down"] <= rate_limit.GIVE_UP + 2


def test_a_missing_key_is_said_before_any_call(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)

    def source() -> Iterator[Ask]:
        yield from asks("a", 3)
        time.sleep(1.0)  # long enough for calls, were any made
        yield from asks("b", 3)

    with Loopback() as server:
        entries = [entry(server, "a"), entry(server, "b", key_env="SOME_KEY")]
        with pytest.raises(ModelError, match="SOME_KEY is not set"):
            # the second model comes after the first has been asked
            list(stream(ledger, source(), *entries, chunk=3))
        assert not server.book.requests
        answered(ledger, asks("a", 3), entries[0])
        pairs, made = answered(ledger, asks("a", 3), *entries)  # nothing to ask: no key needed
    assert made == 0 and len(pairs) == 3


def test_a_model_that_is_in_no_pool_is_named(ledger: Ledger) -> None:
    with (
        Loopback() as server,
        pytest.raises(ModelError, match="no entry named 'other' among the models \\['m'\\]"),
    ):
        answered(ledger, asks("other", 1), entry(server))


def test_nobody_listening_any_more_loses_no_more_than_what_was_in_flight(ledger: Ledger) -> None:
    with Loopback(default=Behaviour(latency=0.01)) as server:
        pairs = stream(ledger, asks("m", 200), entry(server, concurrency=4))
        given = [next(pairs) for _ in range(40)]
        # nobody takes the replies: what is not in the ledger stays within what may be in flight
        time.sleep(0.2)
        answered_by_now = sum(server.book.answers.values())
        assert answered_by_now - len(ledger.ids()) <= 4
        pairs.close()  # type: ignore[attr-defined]
        kept = len(ledger.ids())
    assert len(given) <= kept < 200 and kept == answered_by_now


def test_a_ledger_that_cannot_be_written_stops_the_stage(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise StoreError("no room")

    monkeypatch.setattr(ledger, "add", full)
    with Loopback() as server, pytest.raises(StoreError, match="no room"):
        answered(ledger, asks("m", 5), entry(server))


def test_a_fault_in_a_provider_comes_out_in_the_caller(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Faulty:
        def answer(self, asked: Sequence[Ask]) -> Iterator[Reply]:
            raise ZeroDivisionError("a bug")

        def stop(self) -> None: ...

    monkeypatch.setattr(dispatch, "connect", lambda *given: Faulty())
    with Loopback() as server, pytest.raises(ZeroDivisionError):
        answered(ledger, asks("m", 5), entry(server))


def test_a_fault_at_an_endpoint_comes_out_in_the_caller(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(self: object, ask: Ask) -> Reply:
        raise ZeroDivisionError("a bug")

    from psycopref.models.providers.openai import OpenAI

    monkeypatch.setattr(OpenAI, "ask", bug)
    with Loopback() as server, pytest.raises(ZeroDivisionError):
        answered(ledger, asks("m", 5), entry(server))


def test_recorded_and_live_models_answer_side_by_side(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "recording.sqlite")
    other.add([(ask, Reply(ask.call_id, "ok", "recorded")) for ask in asks("old", 150)], "s")
    other.close()
    recorded = ModelEntry(name="old", kind="recorded", ledger=str(tmp_path / "recording.sqlite"))
    assert all(connect.can_answer(recorded, ask) for ask in asks("old", 150))
    with Loopback() as server:
        pairs, made = answered(
            ledger, asks("old", 150) + asks("new", 10), recorded, entry(server, "new")
        )
    assert made == len(pairs) == 160 and sum(reply.text == "recorded" for _, reply in pairs) == 150


def test_what_was_not_recorded_is_named_with_what_to_do(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "recording.sqlite")
    other.add([(ask, Reply(ask.call_id, "ok", "recorded")) for ask in asks("old", 100)], "s")
    other.close()
    recorded = ModelEntry(name="old", kind="recorded", ledger=str(tmp_path / "recording.sqlite"))
    missing = asks("old", 30, start=100)
    with pytest.raises(
        ModelError,
        match=(
            r"30 of 130 calls got no answer .*not in the recording recording.sqlite.*call-.*a live"
            r" model"
        ),
    ) as caught:
        answered(ledger, missing + asks("old", 100), recorded)
    assert (
        "speech" not in str(caught.value)
        and len(ledger.get([ask.call_id for ask in asks("old", 100)])) == 100
    )
