"""Lanes on an event loop whose clock jumps: outages, hidden limits and slow models, minutes of them
in a moment.
"""

import asyncio
import queue
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from psycopref.errors import ModelError
from psycopref.models.calling import lane, rate_limit
from psycopref.models.calling.lane import Endpoint, Lane, Unanswered
from psycopref.models.calling.rate_limit import RateLimit
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.protocol import Busy
from psycopref.store.calls import Ask, Message, Reply


class Jumping(selectors.DefaultSelector):
    """A selector that never waits: it moves the clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


def virtually(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    try:
        loop.run_until_complete(main())
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


class Server:
    """An endpoint: `latency` seconds to an answer, and `says` what is wrong with a request, if
    anything.
    """

    def __init__(
        self,
        latency: float = 0.2,
        says: Callable[["Server", float, Ask], Exception | None] = lambda server, now, ask: None,
    ) -> None:
        self.latency, self.says = latency, says
        self.notes: list[str] = []
        self.times: list[float] = []
        self.good: list[float] = []
        self.bad: list[float] = []
        self.tries: Counter[str] = Counter()
        self.in_flight = self.most = 0

    async def ask(self, ask: Ask) -> Reply:
        now = asyncio.get_running_loop().time()
        self.times.append(now)
        self.tries[ask.call_id] += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        fault = self.says(self, now, ask)
        try:
            await asyncio.sleep(0.02 if fault else self.latency)
        finally:
            self.in_flight -= 1
        now = asyncio.get_running_loop().time()
        (self.bad if fault else self.good).append(now)
        if fault:
            raise fault
        return Reply(ask.call_id, "ok", "hello", 300, 100)

    async def close(self) -> None: ...

    def rate(self, start: float, end: float) -> float:
        return sum(start <= at < end for at in self.good) / (end - start)


class Desk:
    """What limits.py does: keeps each lane supplied with calls, and gives back the places of those
    that were answered.
    """

    def __init__(
        self,
        servers: dict[str, Server],
        one: RateLimit | None = None,
        dice: Callable[[], float] | None = None,
        **settings: Any,
    ) -> None:
        self.outbox: lane.Outbox = queue.SimpleQueue()
        self.loop = asyncio.get_running_loop()
        common = Endpoint(one, self.loop) if one else None
        self.lanes = {}
        for name, server in servers.items():
            entry = ModelEntry(name=name, kind="openai", url="http://h/v1", **settings)
            endpoint = common or Endpoint(
                RateLimit(entry.concurrency, entry.requests_per_minute, entry.tokens_per_minute),
                self.loop,
            )
            self.lanes[name] = Lane(entry, server, endpoint, self.outbox)
            self.lanes[name]._dice = dice or random.Random(7).random
        self.waiting: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.lost: list[Unanswered] = []
        self.notes: list[str] = []
        self.sent: Counter[str] = Counter()

    def send(self, name: str, count: int) -> None:
        asks = [
            Ask(name, (Message("user", f"speech {n}"),), max_tokens=100)
            for n in range(self.sent[name], self.sent[name] + count)
        ]
        self.sent[name] += count
        self.waiting |= {ask.call_id: name for ask in asks}
        self.lanes[name].send([(ask.call_id, ask) for ask in asks])

    def drain(self) -> Counter[str]:
        came: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        while not self.outbox.empty():
            result = self.outbox.get()
            assert not isinstance(result, BaseException), result
            if isinstance(result, lane.Note):
                self.notes.append(result.text)
                continue
            name = self.waiting.pop(result.call_id)
            came[name] += 1
            if isinstance(result, Reply):
                kept[name] += 1
            else:
                self.lost.append(result)
        for name, number in kept.items():
            self.lanes[name].kept(number)
        self.answers += kept
        return came

    async def supply(self, seconds: float, ahead: int = 500) -> None:
        """Keep `ahead` calls of each model waiting for so long."""
        for name in self.lanes:
            self.send(name, ahead)
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            await asyncio.sleep(0.01)
            for name, number in self.drain().items():
                self.send(name, number)

    async def finish(self, within: float = 3600.0) -> None:
        """Wait until all that was sent has come back."""
        end = self.loop.time() + within
        while self.waiting and self.loop.time() < end:
            await asyncio.sleep(0.01)
            self.drain()
        assert not self.waiting, "calls that never ended"


def outage(
    start: float, end: float, fault: Callable[[], Exception]
) -> Callable[[Server, float, Ask], Exception | None]:
    return lambda server, now, ask: fault() if start <= now < end else None


@pytest.mark.parametrize(
    "fault",
    [
        lambda: Busy("host 503"),
        lambda: Busy("host: no answer within 2 s"),
        lambda: Busy("host 503", 10.0),
        lambda: Busy("host 429", limited=True),
    ],
    ids=["503", "time-out", "503 with Retry-After", "429"],
)
def test_an_outage_brings_no_storm_and_the_full_rate_is_back_within_a_minute(
    fault: Callable[[], Exception],
) -> None:
    async def go() -> None:
        server = Server(says=outage(60.0, 240.0, fault))
        requests = Desk({"m": server}, concurrency=64)
        await requests.supply(320.0)
        full = server.rate(30.0, 60.0)
        assert full >= 0.9 * 64 / 0.21
        during = sum(60.0 <= at < 240.0 for at in server.times)
        assert 5 <= during <= 64 + rate_limit.TRIP + 40, (
            f"{during} requests in three minutes of outage"
        )
        assert server.rate(300.0, 320.0) >= 0.95 * full
        assert not requests.lost and server.most <= 64
        assert len(requests.notes) == 2 and requests.notes[1] == "m answers again"

    virtually(go)


def test_a_model_that_is_down_ends_in_time_and_holds_up_nobody() -> None:
    async def go() -> None:
        down, up = Server(says=outage(10.0, 1e9, lambda: Busy("host 503"))), Server()
        requests = Desk({"down": down, "up": up}, concurrency=16, patience=300.0)
        requests.send("down", 2000)
        requests.send("up", 2000)
        while requests.answers["up"] < 2000:
            await asyncio.sleep(0.05)
            requests.drain()
        assert requests.loop.time() < 2000 * 0.26 / 16 + 5
        await requests.finish(within=400.0)
        assert (
            requests.answers["down"] + len(requests.lost) == 2000 and requests.answers["down"] > 500
        )
        assert {one.why for one in requests.lost} == {"host 503"}
        assert requests.notes == [
            "down does not answer (host 503); it gets one call at a time until it does",
            "down is given up (host 503); the other models go on",
        ]

    virtually(go)


def test_a_model_that_never_answers_is_given_up_after_a_minute() -> None:
    async def go() -> None:
        server = Server(says=lambda server, now, ask: Busy("host: ClientConnectorError"))
        requests = Desk({"m": server}, concurrency=16)
        requests.send("m", 300)
        await requests.finish(within=rate_limit.UNPROVEN + rate_limit.CAP + 5)
        assert len(requests.lost) == 300 and len(server.times) < 60
        requests.send("m", 5)
        await requests.finish(within=1.0)
        assert len(server.times) < 60, "it is left alone from then on"

    virtually(go)


def test_one_call_that_always_fails_ends_alone() -> None:
    async def go() -> None:
        poison = Ask("m", (Message("user", "speech 7"),), max_tokens=100).call_id
        server = Server(
            says=lambda server, now, ask: Busy("host 500") if ask.call_id == poison else None
        )
        requests = Desk({"m": server}, concurrency=4)
        requests.send("m", 400)
        await requests.finish()
        assert (
            [one.call_id for one in requests.lost] == [poison]
            and server.tries[poison] == lane.TRIES
            and requests.answers["m"] == 399
        )

    virtually(go)


@pytest.mark.parametrize("dice", [0.0, 0.3, 0.6, 0.9])
def test_a_call_that_always_fails_does_not_keep_a_model_closed_after_an_outage(dice: float) -> None:
    """Those that failed before the model was known to be down are the last to try it out."""

    async def go() -> None:
        poison = {
            Ask("m", (Message("user", f"speech {n}"),), max_tokens=100).call_id
            for n in range(rate_limit.TRIP)
        }
        server = Server(
            says=lambda server, now, ask: (
                Busy("host 500") if now < 40.0 or ask.call_id in poison else None
            )
        )
        requests = Desk({"m": server}, concurrency=4, dice=lambda: dice, patience=200.0)
        requests.send("m", 200)
        await requests.finish(within=400.0)
        assert requests.answers["m"] == 200 - len(poison)
        assert {one.call_id for one in requests.lost} == poison

    virtually(go)


def test_requests_and_tokens_per_minute_are_kept_and_used() -> None:
    def strict(server: Server, now: float, ask: Ask) -> Exception | None:
        recent = sum(at > now - 60.0 for at in server.times[-700:])
        return Busy("host 429", limited=True) if recent > 615 else None

    async def go() -> None:
        for settings in (
            {"requests_per_minute": 600},
            {"tokens_per_minute": 600 * 400},
        ):  # a call has 400 tokens, and is thought to have 102
            server = Server(
                says=strict if "requests_per_minute" in settings else lambda server, now, ask: None
            )
            requests = Desk({"m": server}, concurrency=64, **settings)
            start = requests.loop.time()
            await requests.supply(240.0)
            assert not server.bad
            assert server.rate(start + 60.0, start + 240.0) == pytest.approx(10.0, rel=0.05)

    virtually(go)


def test_a_limit_on_calls_in_flight_that_nobody_told_us_is_found() -> None:
    async def go() -> None:
        server = Server(
            says=lambda server, now, ask: (
                Busy("host 429", limited=True) if server.in_flight > 40 else None
            )
        )
        requests = Desk({"m": server}, concurrency=256)
        await requests.supply(120.0, ahead=600)
        assert server.rate(60.0, 120.0) >= 0.7 * 40 / 0.2
        late = sum(at >= 60.0 for at in server.bad)
        assert late <= 0.1 * 60 * server.rate(60.0, 120.0) and not requests.lost

    virtually(go)


def test_a_few_faults_in_a_hundred_cost_little() -> None:
    def weather(server: Server, now: float, ask: Ask) -> Exception | None:
        kind = len(server.times) % 50
        faults = {7: Busy("host 500"), 31: Busy("host 429", limited=True)}
        return faults.get(kind)

    async def go() -> None:
        server = Server(latency=2.0, says=weather)
        requests = Desk({"m": server}, concurrency=64)
        await requests.supply(120.0)
        assert server.rate(20.0, 120.0) >= 0.9 * 64 / 2.0 and not requests.lost

    virtually(go)


def test_a_rate_that_nobody_told_us_loses_no_call() -> None:
    def hidden(server: Server, now: float, ask: Ask) -> Exception | None:
        return (
            Busy("host 429", limited=True)
            if sum(at > now - 60.0 for at in server.good) >= 60
            else None
        )

    async def go() -> None:
        server = Server(says=hidden)
        requests = Desk({"m": server}, concurrency=64)
        requests.send("m", 300)
        await requests.finish(within=600.0)
        assert requests.answers["m"] == 300 and len(server.bad) < 300

    virtually(go)


def test_a_slow_model_leaves_others_behind_the_same_limits_their_share() -> None:
    async def go() -> None:
        slow, fast = Server(latency=60.0), Server(latency=0.2)
        requests = Desk({"slow": slow, "fast": fast}, one=RateLimit(32), concurrency=32)
        await requests.supply(200.0)
        assert slow.most + fast.most <= 64 and fast.rate(100.0, 200.0) >= 0.9 * 16 / 0.21
        assert slow.most >= 16

    virtually(go)


def test_a_dead_model_does_not_slow_those_that_share_its_limits() -> None:
    async def go() -> None:
        dead, well = Server(says=lambda server, now, ask: Busy("host 503", 600.0)), Server()
        requests = Desk({"dead": dead, "well": well}, one=RateLimit(32), concurrency=32)
        await requests.supply(100.0)
        assert well.rate(60.0, 100.0) >= 0.9 * 31 / 0.21 and len(dead.times) < 60

    virtually(go)


def test_a_wrong_key_is_not_tried_for_every_call() -> None:
    def refused(server: Server, now: float, ask: Ask) -> Exception:
        return ModelError("host 401: the key was not accepted")

    async def go() -> None:
        server = Server(says=refused)
        requests = Desk({"m": server}, concurrency=4)
        requests.send("m", 300)
        await requests.finish(within=10.0)
        assert len(requests.lost) == 300 and len(server.times) <= rate_limit.GIVE_UP + 4

    virtually(go)


def test_a_place_is_held_until_the_reply_is_kept() -> None:
    async def go() -> None:
        server = Server()
        requests = Desk({"m": server}, concurrency=8)
        requests.send("m", 50)
        await asyncio.sleep(5.0)
        assert len(server.times) == 8, "nobody has kept the replies yet"
        await requests.finish()
        assert requests.answers["m"] == 50 and server.most == 8

    virtually(go)


def test_a_long_wait_is_told_and_no_longer_than_the_patience() -> None:
    async def go() -> None:
        asks = Busy("host 429", 99_999_999.0, limited=True)
        server = Server(says=lambda server, now, ask: asks if now < 30.0 else None)
        requests = Desk({"m": server}, concurrency=4, patience=40.0)
        requests.send("m", 20)
        await requests.finish(within=100.0)
        assert requests.answers["m"] == 20
        assert requests.notes == ["m asks to wait 40 s (host 429)"]

    virtually(go)
