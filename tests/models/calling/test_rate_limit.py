"""The arithmetic of limits on a clock that the test turns: rates, calls in flight, outages, waits
that an endpoint asks for.
"""

import math
from datetime import UTC, datetime

import pytest

from psycopref.models.calling import rate_limit
from psycopref.models.calling.rate_limit import (
    CircuitBreaker,
    Meter,
    RateLimit,
    Window,
    retry_after,
    wait_after,
)

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:59:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Sat, 21 Nov 2026 12:00:30 GMT",
                "date": "Sat, 21 Nov 2026 12:00:10 GMT",
            },
            20.0,
        ),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_what_an_endpoint_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_waits_double_up_to_a_cap_and_are_spread() -> None:
    assert [wait_after(n, 1.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert wait_after(5000, 1.0) == rate_limit.CAP and wait_after(5000, 0.0) == rate_limit.CAP / 2


def test_a_rate_holds_over_every_minute() -> None:
    meter, now, went = Meter(120), 0.0, []
    while now < 300:
        now += meter.wait(now)
        meter.take(now, 1)
        went.append(now)
    for start in (0.0, 37.0, 200.0):
        assert (
            119
            <= sum(start <= at < start + 60 for at in went)
            <= 120 * (1 + rate_limit.BURST / 60) + 1
        )


def test_tokens_taken_too_many_are_paid_back() -> None:
    meter = Meter(6000)  # 100 a second
    meter.take(0.0, 100)
    assert meter.wait(0.0) == 0.0
    meter.take(0.0, 5000)  # more than a burst goes all the same, and the next one waits for it
    assert meter.wait(0.0) == pytest.approx(50.0)
    meter.correct(-4000)
    assert meter.wait(0.0) == pytest.approx(10.0)


def test_a_round_of_failures_halves_what_may_be_in_flight_and_a_few_change_nothing() -> None:
    window = Window(100)
    for n in range(1000):
        window.failed(0.1 * n) if n % 20 == 0 else window.answered(0.1 * n)
    assert window.size == 100
    for _ in range(99):
        window.failed(101.0)
    assert window.size == 100, "not before the round is over"
    window.failed(101.0)
    assert window.size == 50
    for _ in range(1000):
        window.failed(102.0)
    assert window.size == 1.0 and window.room(0) and not window.room(1)


def test_a_cut_is_as_deep_as_the_share_of_failures() -> None:
    window = Window(100)
    for n in range(100):
        window.failed(1.0) if n % 5 == 0 else window.answered(1.0)
    assert window.size == pytest.approx(80.0)


def test_all_that_is_allowed_is_back_within_the_ramp_however_slow_the_answers() -> None:
    for every in (0.01, 0.9):
        window = Window(256)
        window.collapse(100.0)
        assert window.size == 256 * rate_limit.RESTART
        now = 100.0
        while window.size < 256:
            now += every
            window.answered(now)
        assert now - 100.0 <= rate_limit.RAMP + rate_limit.EASE / 2


def test_time_without_answers_earns_nothing() -> None:
    window = Window(300)
    window.collapse(0.0)
    before = window.size
    window.answered(100.0)
    window.answered(1000.0)
    assert window.size - before == pytest.approx(2 * 300 / rate_limit.RAMP)


def test_a_place_is_free_again_only_when_it_is_given_back() -> None:
    one = RateLimit(2)
    one.sent(0.0, 0)
    one.sent(0.0, 0)
    assert one.wait(0.0) == math.inf
    one.in_flight -= 1
    assert one.wait(0.0) == 0.0


def test_a_wait_that_is_asked_for_holds_all_and_is_bounded() -> None:
    one = RateLimit(8)
    one.hold(10.0, 5.0)
    one.hold(11.0, 1.0)
    assert one.wait(10.0) == 5.0 and one.wait(15.0) == 0.0
    one.hold(20.0, 1e9)
    assert one.wait(20.0) == rate_limit.LONGEST_WAIT


def test_tokens_are_corrected_by_what_was_used() -> None:
    one = RateLimit(8, tokens_per_minute=6000)
    assert one.counts_tokens and not RateLimit(8).counts_tokens
    one.sent(0.0, 600)
    assert one.wait(0.0) == pytest.approx(5.0)
    one.answered(0.0, 600, 200)
    assert one.wait(0.0) == pytest.approx(1.0)
    one.answered(0.0, 600, 0)  # an endpoint that does not say: the estimate stands
    assert one.wait(0.0) == pytest.approx(1.0)


def broken(
    breaker: CircuitBreaker,
    now: float,
    trial: bool = False,
    times: int = 1,
    wait: float | None = None,
) -> None:
    for _ in range(times):
        breaker.failed(now, "host 503", trial, wait, 1.0)


def test_after_failures_in_a_row_one_call_at_a_time_tries_a_model_out() -> None:
    breaker = CircuitBreaker(600.0)
    breaker.answered(False)
    broken(breaker, 0.0, times=rate_limit.TRIP - 1)
    assert not breaker.open and breaker.wait(0.0) == 0.0 and not breaker.sent()
    broken(breaker, 0.0, times=100)  # those that were in flight: they do not make the wait longer
    assert breaker.open and breaker.wait(0.0) == 0.5
    assert breaker.sent() and breaker.wait(9.0) == math.inf, "one at a time"
    broken(breaker, 9.0, trial=True)
    assert breaker.wait(9.0) == 1.0 and breaker.sent()
    assert not breaker.answered(False) and breaker.open, "sent before the trouble began"
    assert breaker.answered(True)
    assert not breaker.open and breaker.wait(9.0) == 0.0


def test_an_outage_that_outlasts_the_patience_ends_and_a_shorter_one_does_not() -> None:
    for proven, patience, ends in (
        (True, 600.0, 600.0),
        (False, 600.0, rate_limit.UNPROVEN),
        (False, 5.0, 5.0),
    ):
        breaker, now = CircuitBreaker(patience), 1000.0
        if proven:
            breaker.answered(False)
        broken(breaker, now, times=rate_limit.TRIP)
        while not breaker.gone:
            now += breaker.wait(now)
            assert breaker.sent()
            broken(breaker, now, trial=True)
        assert ends <= now - 1000.0 <= ends + rate_limit.CAP and breaker.gone == "host 503"


def test_refusals_in_a_row_end_a_model_and_one_among_answers_does_not() -> None:
    breaker = CircuitBreaker(600.0)
    for _ in range(3 * rate_limit.GIVE_UP):
        breaker.refused("host 400")
        breaker.answered(False)
    assert not breaker.gone
    for _ in range(rate_limit.GIVE_UP):
        assert not breaker.gone
        breaker.refused("host 401")
    assert breaker.gone == "host 401"


def test_a_wait_asked_for_with_a_failure_is_honoured_at_once() -> None:
    breaker = CircuitBreaker(600.0)
    broken(breaker, 0.0, wait=30.0)
    assert not breaker.open and breaker.wait(0.0) == 30.0 and breaker.wait(30.0) == 0.0
