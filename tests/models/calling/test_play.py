"""Exchanges at their own pace: each next ask depends on the last reply, nobody waits for another,
each call once.
"""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from helpers.loopback import Behaviour, Loopback, number

from psycopref.errors import ModelError
from psycopref.lab import Lab
from psycopref.models.budget import Budget
from psycopref.models.calling import rate_limit
from psycopref.models.calling.answer import Exchange
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.store.calls import Ask, Message, Reply

TURNS = 6


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(rate_limit, "CAP", 0.02)


def entry(server: Loopback, name: str = "m", **more: object) -> ModelEntry:
    return ModelEntry(name=name, kind="openai", url=server.url, **more)  # type: ignore[arg-type]


def ask(model: str, text: str) -> Ask:
    return Ask(model, (Message("user", text),))


def said(text: str) -> str:
    """What the server answers to a text."""
    return sha256(text.encode()).hexdigest()[:12]


def speaks(server: Loopback, latency: float = 0.0) -> None:
    """Answers are made of the last message, and take up to `latency` seconds, drawn by it."""

    def answer(body: dict) -> str:  # type: ignore[type-arg]
        text = str(body["messages"][-1]["content"])
        time.sleep(latency * number("latency", text))
        return said(text)

    server.extra = answer


def conversation(name: str, models: list[str], turns: int) -> Exchange[str]:
    """Each turn asks the next model about what the last one said."""
    text = name
    for turn in range(turns):
        reply = yield ask(models[turn % len(models)], f"{name} {turn}: {text}")
        text = reply.text
    return text


def ending(name: str, turns: int) -> str:
    """What such a conversation ends with."""
    text = name
    for turn in range(turns):
        text = said(f"{name} {turn}: {text}")
    return text


def test_thousands_of_conversations_of_which_each_turn_needs_the_last_reply(lab: Lab) -> None:
    begun: set[str] = set()
    ended: set[str] = set()
    most = 0

    def conversations() -> Iterator[tuple[str, Exchange[str]]]:
        nonlocal most
        for n in range(2000):
            begun.add(f"c{n}")
            most = max(most, len(begun) - len(ended))
            yield f"c{n}", conversation(f"c{n}", ["client", "counselor"], TURNS)

    with Loopback() as server:
        speaks(server, latency=0.01)
        models = [entry(server, name, concurrency=16) for name in ("client", "counselor")]
        for name, text in lab.play(conversations(), models, live=300):
            assert text == ending(name, TURNS)
            ended.add(name)
        assert sum(server.book.requests.values()) == 2000 * TURNS == lab.calls_made
        assert not server.book.repeats()
        assert server.book.models == {"client": 6000, "counselor": 6000}
    assert len(ended) == 2000 and most <= 300 + 64


def held_up(server: Loopback, name: str) -> threading.Event:
    """The conversation of that name gets no answer until the event is set."""
    go = threading.Event()

    def answer(body: dict) -> str:  # type: ignore[type-arg]
        text = str(body["messages"][-1]["content"])
        if text.startswith(f"{name} "):
            assert go.wait(60)
        return said(text)

    server.extra = answer
    return go


def test_a_slow_conversation_holds_nobody_where_rounds_would_hold_all(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(40)]
    with Loopback() as server, Lab(tmp_path / "played") as lab:
        go = held_up(server, "c0")
        order: list[str] = []
        exchanges = [(name, conversation(name, ["m"], TURNS)) for name in names]
        for name, _ in lab.play(exchanges, [entry(server)]):
            order.append(name)
            if len(order) == 39:  # everyone else has had every turn, and c0 not even its first
                assert server.book.models["m"] == 39 * TURNS + 1
                go.set()
        assert order[-1] == "c0" and set(order) == set(names)

    with Loopback() as server, Lab(tmp_path / "rounds") as lab:
        go = held_up(server, "c0")
        texts = {name: name for name in names}
        for turn in range(TURNS):
            asks = {ask("m", f"{name} {turn}: {texts[name]}"): name for name in names}
            for at, (one, reply) in enumerate(lab.ask(asks, [entry(server)]), 1):
                texts[asks[one]] = reply.text
                if turn == 0 and at == 39:  # the others had one turn each, and can have no more
                    assert server.book.models["m"] == 40
                    go.set()
        assert texts == {name: ending(name, TURNS) for name in names}


def test_a_slow_model_holds_only_those_who_ask_it(lab: Lab) -> None:
    go = threading.Event()
    with Loopback() as server:
        speaks(server)
        quick = server.extra
        server.extra = lambda body: (
            "late" if body["model"] == "slow" and go.wait(60) else quick(body)
        )
        models = [entry(server, name, concurrency=2) for name in ("slow", "fast")]
        exchanges = [
            (f"{model} {n}", conversation(f"{model} {n}", [model], 3))
            for n in range(300)
            for model in ("slow", "fast")
        ]
        order: list[str] = []
        for name, _ in lab.play(exchanges, models):
            order.append(name.split()[0])
            if len(order) == 300:
                assert server.book.models == {"slow": 2, "fast": 900}
                go.set()
    assert order == ["fast"] * 300 + ["slow"] * 300


def test_exchanges_that_ask_the_same_are_one_call(lab: Lab) -> None:
    with Loopback(default=Behaviour(latency=0.02)) as server:
        speaks(server)
        exchanges = [(n, conversation("same", ["m"], 3)) for n in range(200)]
        found = list(lab.play(exchanges, [entry(server)]))
        assert sum(server.book.requests.values()) == 3 == lab.calls_made
    assert sorted(found) == [(n, ending("same", 3)) for n in range(200)]


def test_an_exchange_may_ask_nothing(lab: Lab) -> None:
    def nothing() -> Exchange[int]:
        return 7
        yield ask("m", "never")

    with Loopback() as server:
        assert list(lab.play([("a", nothing())] * 1, [entry(server)])) == [("a", 7)]
        assert not list(lab.play([], [entry(server)])) and not server.book.requests


def test_what_was_played_is_played_again_from_the_ledger(lab: Lab) -> None:
    with Loopback() as server:
        speaks(server)
        models = [entry(server, name) for name in ("a", "b")]

        def played(turns: int) -> dict[str, str]:
            names = [f"c{n}" for n in range(100)]
            return dict(
                lab.play(((name, conversation(name, ["a", "b"], turns)) for name in names), models)
            )

        first = played(3)
        assert lab.calls_made == 300
        assert played(3) == first and lab.calls_made == 300, "found, without leaving the process"
        longer = played(4)
        assert lab.calls_made == 400 == sum(server.book.requests.values())
        assert longer == {name: ending(name, 4) for name in first}
    assert played(4) == longer, "with no server at all"


def test_the_models_that_were_asked_say_when_more_are_begun(lab: Lab) -> None:
    """All first turns are in the ledger, so their model has no load; the others must go on."""
    with Loopback() as server:
        speaks(server)
        models = [entry(server, name) for name in ("a", "b")]
        names = [f"c{n}" for n in range(500)]
        assert list(lab.play([(n, conversation(n, ["a", "b"], 1)) for n in names], models))
        found = dict(lab.play([(n, conversation(n, ["a", "b"], 2)) for n in names], models))
    assert len(found) == 500 and lab.calls_made == 1000


def test_an_exchange_that_raises_ends_all_and_what_was_answered_is_kept(lab: Lab) -> None:
    closed: list[int] = []

    def exchange(n: int) -> Exchange[str]:
        try:
            reply = yield ask("m", f"{n}")
            if n == 3:
                raise ZeroDivisionError("a bug in what reads")
            reply = yield ask("m", f"{n} {reply.text}")
            return reply.text
        finally:
            closed.append(n)

    with Loopback() as server:
        speaks(server, latency=0.01)
        with pytest.raises(ZeroDivisionError):
            list(lab.play(((n, exchange(n)) for n in range(50)), [entry(server)]))
        kept = len(lab.ledger.ids())
        assert kept == lab.calls_made
        assert 0 <= sum(server.book.answers.values()) - kept <= 8, "those in flight alone are lost"
    assert sorted(closed) == list(range(50)), "each is closed, those that waited too"


def test_a_call_without_an_answer_ends_its_exchange_and_the_rest_go_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "TRIP", 1000)
    with Loopback({"bad": Behaviour(broken=1.0, bad_tries=99)}) as server:
        speaks(server)
        models = [entry(server, name) for name in ("good", "bad")]
        exchanges = [
            (n, conversation(f"c{n}", ["good", "bad" if n < 5 else "good"], 4)) for n in range(30)
        ]
        found: dict[int, str] = {}
        with pytest.raises(ModelError, match=r"5 of 110 calls got no answer \(bad: .* 500 ×5\)"):
            found.update(lab.play(exchanges, models))
        assert found.keys() == set(range(5, 30)) and lab.calls_made == 105
        server.behaviours = {}
        again = [
            (n, conversation(f"c{n}", ["good", "bad" if n < 5 else "good"], 4)) for n in range(30)
        ]
        assert {*dict(lab.play(again, models))} == set(range(30))
        assert lab.calls_made == 120 and not server.book.repeats()


def test_a_budget_that_runs_out_is_said_when_all_paid_for_is_kept(tmp_path: Path) -> None:
    with Loopback() as server, Lab(tmp_path / "w", Progress(), budget=0.0008) as lab:
        speaks(server)
        paid = entry(server, price_in=1.0, price_out=1.0, max_tokens=4)
        names = [f"c{n}" for n in range(40)]
        with pytest.raises(ModelError, match="leaves no room for another call"):
            list(lab.play([(n, conversation(n, ["m"], 3)) for n in names], [paid]))
        spent = lab.budget.spent
        assert 0 < spent <= 0.0008 and len(lab.ledger.ids()) == lab.calls_made
        lab.budget = Budget(None, spent)
        found = dict(lab.play([(n, conversation(n, ["m"], 3)) for n in names], [paid]))
        assert found == {n: ending(n, 3) for n in names} and lab.calls_made == 120
        assert not server.book.repeats()


def test_asks_that_wait_on_disk_belong_to_exchanges_too(lab: Lab) -> None:
    """More asks of one model than it can be told of: they wait on disk and none is lost."""
    with Loopback({"slow": Behaviour(latency=0.005)}) as server:
        models = [entry(server, name, concurrency=2) for name in ("slow", "fast")]

        def one(n: int) -> Exchange[Counter[str]]:
            asked: Counter[str] = Counter()
            for turn in range(2):
                reply: Reply = yield ask("slow" if n % 3 else "fast", f"{n} {turn}")
                asked[reply.outcome] += 1
            return asked

        found = list(lab.play([(n, one(n)) for n in range(600)], models))
    assert len(found) == 600 and lab.calls_made == 1200
    assert all(outcomes == {"ok": 2} for _, outcomes in found)


def test_too_few_at_once_to_keep_the_models_at_work_is_an_error(lab: Lab) -> None:
    models = [
        ModelEntry(name=name, kind="openai", url="http://localhost:1", concurrency=8)
        for name in "ab"
    ]
    with pytest.raises(ValueError, match=r"live = 16: the models may have 16 calls in flight"):
        list(lab.play([], models, live=16))
    assert list(lab.play([], models, live=17)) == []


def test_nobody_listening_any_more_closes_what_is_under_way(lab: Lab) -> None:
    closed: list[str] = []

    def watched(name: str) -> Exchange[str]:
        try:
            return (yield from conversation(name, ["m"], 3))
        finally:
            closed.append(name)

    with Loopback() as server:
        speaks(server)
        played = lab.play(((f"c{n}", watched(f"c{n}")) for n in range(500)), [entry(server)])
        next(played)
        played.close()  # type: ignore[attr-defined]
        lost = sum(server.book.answers.values()) - len(lab.ledger.ids())
        assert 0 <= lost <= 8, "those in flight alone"
    assert len(closed) == len(set(closed)) > 0


CHILD = """
import sys
from hashlib import sha256
from pathlib import Path
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Message

def conversation(name):
    text = name
    for turn in range(6):
        reply = yield Ask("m", (Message("user", f"{name} {turn}: {text}"),))
        text = reply.text
    return text

entry = ModelEntry(name="m", kind="openai", url=sys.argv[1], concurrency=4)
with Lab(Path(sys.argv[2])) as lab:
    ended = dict(lab.play(((n, conversation(f"c{n}")) for n in range(100)), [entry]))
    print(len(ended), lab.calls_made)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_where_each_conversation_was(
    tmp_path: Path, sign: signal.Signals
) -> None:
    command = [sys.executable, "-c", CHILD, "", str(tmp_path / "w")]
    with Loopback() as server:
        speaks(server, latency=0.01)
        command[3] = server.url
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while server.book.models["m"] < 200:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(sign)
        process.wait(60)
        before = sum(server.book.answers.values())
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        ended, made = map(int, done.stdout.split())
        twice = sum(server.book.answers.values()) - 600
        assert ended == 100 and 600 - before <= made < 600 - 100
        assert 0 <= twice <= 4, "what was in flight alone is asked again"
