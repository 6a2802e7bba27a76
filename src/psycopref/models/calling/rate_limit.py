"""When the next call may go: rates, calls in flight and outages, as plain arithmetic on a clock
that the caller reads.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOLERATED = 0.1  # share of failures that is no sign of too many calls in flight
# results over which that share is taken, or as many as may be in flight where that is more
ROUND = 20
DEEPEST = 0.5  # the least that one round leaves of the calls in flight
# share of the calls in flight that are allowed, with which a model starts again after an outage
RESTART = 0.125
RAMP = 25.0  # seconds from one call in flight to all that are allowed
EASE = 10.0  # seconds after a cut until the growth is at its full speed
BURST = 1.0  # seconds' worth of a rate that may go at once after a rest
FIRST_WAIT = 0.5  # seconds before the second try of a call or of a model, doubled from try to try
CAP = 20.0  # seconds, the longest wait that nobody asked for
LONGEST_WAIT = 600.0  # seconds, the longest Retry-After that is honoured
# calls in a row that came back without an answer, after which a model gets one call at a time
TRIP = 10
# refusals in a row that will not pass (a wrong key), after which a model is left alone
GIVE_UP = 20
# seconds that a model which has never answered is waited for, where its patience is longer
UNPROVEN = 60.0
LETTERS = 4  # of a prompt to a token, for estimates
ANSWER = 512  # tokens of an answer where an ask sets no maximum, for estimates


def wait_after(failures: int, dice: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time up to CAP, times 0.5 to 1.
    `dice` is in [0, 1).
    """
    return min(CAP, FIRST_WAIT * 2.0 ** min(max(0, failures - 1), 30)) * (0.5 + 0.5 * dice)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that an endpoint asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a
    date; None where it asks nothing.

    A date is held against the endpoint's own clock (its `Date`) where it sends one.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = _number(headers.get(name, ""))
        if value is not None:
            return max(0.0, value * unit)
    until = _date(headers.get("retry-after", ""))
    if until is None:
        return None
    return max(
        0.0, (until - (_date(headers.get("date", "")) or now or datetime.now(UTC))).total_seconds()
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Meter:
    """A rate per minute, spaced out: after a rest at most BURST seconds' worth goes at once, and
    too much taken is waited for later.
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds = 60.0 / per_minute
        self._free_at = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until more may be taken."""
        return max(0.0, self._free_at - now)

    def take(self, now: float, amount: float) -> None:
        """Take an amount; allowed at any time, paid for by those who come after."""
        self._free_at = max(self._free_at, now - BURST) + amount * self._seconds

    def correct(self, more: float) -> None:
        """What was taken turned out to be more, or less where negative."""
        self._free_at += more * self._seconds


class Window:
    """Calls that may be in flight: fewer by the share of failures in a round of results, more with
    every second of answers.

    A few failures in a hundred are the weather and change nothing. After a cut the growth starts
    slowly, so that most of the time is spent just below a limit that nobody told us.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = float(most)
        self._results = 0
        self._failures = 0
        self._cut_at = -math.inf
        self._grew_at = -math.inf

    def answered(self, now: float) -> None:
        """One answer has come. Time without answers earns nothing beyond a second."""
        speed = min(1.0, (now - self._cut_at) / EASE) * self.most / RAMP
        self.size = min(float(self.most), self.size + min(1.0, now - self._grew_at) * speed)
        self._grew_at = now
        self._result(now, 0)

    def failed(self, now: float) -> None:
        """One call came back with a 429, a 5xx or nothing."""
        self._result(now, 1)

    def _result(self, now: float, failures: int) -> None:
        self._results += 1
        self._failures += failures
        if self._results < max(self.size, ROUND):
            return
        share = self._failures / self._results
        if share > TOLERATED:
            self._cut(now, self.size * max(DEEPEST, 1.0 - share))
        self._results = self._failures = 0

    def collapse(self, now: float) -> None:
        """The model is down: begin with a few when it comes back."""
        self._cut(now, min(self.size, self.most * RESTART))

    def _cut(self, now: float, size: float) -> None:
        self.size = max(1.0, size)
        self._cut_at = now

    def room(self, in_flight: int) -> bool:
        """Whether one more may go."""
        return in_flight < int(self.size)


class RateLimit:
    """The limits of one model, or of several that share them: calls in flight, requests and tokens
    per minute, waits asked for.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self.window = Window(concurrency)
        self.in_flight = 0
        self._requests = Meter(requests_per_minute) if requests_per_minute else None
        self._tokens = Meter(tokens_per_minute) if tokens_per_minute else None
        self._held_until = -math.inf

    @property
    def counts_tokens(self) -> bool:
        """Whether `sent` needs an estimate of a call's tokens."""
        return self._tokens is not None

    def wait(self, now: float) -> float:
        """Seconds until a call may go; infinite while as many are in flight as may be."""
        if not self.window.room(self.in_flight):
            return math.inf
        return max(
            self._held_until - now,
            *(meter.wait(now) for meter in (self._requests, self._tokens) if meter),
            0.0,
        )

    def sent(self, now: float, tokens: int) -> None:
        """A call goes out, with an estimate of its tokens."""
        self.in_flight += 1
        if self._requests:
            self._requests.take(now, 1)
        if self._tokens:
            self._tokens.take(now, tokens)

    def answered(self, now: float, estimated: int, tokens: int) -> None:
        """An answer came; `tokens` is what it really took, 0 where the endpoint does not say."""
        self.window.answered(now)
        if self._tokens and tokens:
            self._tokens.correct(tokens - estimated)

    def hold(self, now: float, wait: float) -> float:
        """The endpoint asks for time: nothing goes before it is over. Gives the seconds that this
        adds to what was asked for before: 0 where as much is waited for anyway.
        """
        until = now + min(wait, LONGEST_WAIT)
        more = max(0.0, until - max(self._held_until, now))
        self._held_until = max(self._held_until, until)
        return more


class CircuitBreaker:
    """Whether a model is asked at all. After TRIP failures in a row it gets one call at a time, at
    growing distances, until one is answered.

    `gone` says why a model is given up: unanswered for `patience` seconds, or refused GIVE_UP times
    in a row. A model that has never answered is given up sooner (UNPROVEN), since it is more likely
    misnamed than down.
    """

    def __init__(self, patience: float) -> None:
        self.gone = ""
        self._patience = patience
        self._proven = False
        self._failures = 0
        self._trials = 0
        self._refusals = 0
        self._first_failure = math.inf
        self._held_until = -math.inf
        self._trying = False

    @property
    def proven(self) -> bool:
        """Whether the model has ever answered."""
        return self._proven

    @property
    def open(self) -> bool:
        """Whether the model gets single calls only."""
        return self._failures >= TRIP

    def wait(self, now: float) -> float:
        """Seconds until a call may go; infinite while the one that tries the model out is under
        way.
        """
        return math.inf if self.open and self._trying else max(0.0, self._held_until - now)

    def sent(self) -> bool:
        """A call goes out; whether it is one that tries the model out."""
        self._trying = self.open
        return self._trying

    def answered(self, trial: bool) -> bool:
        """An answer came; whether it shows that the model is back. One that was sent before the
        trouble began shows nothing.
        """
        self._refusals = 0
        self._proven = True
        back = self.open and trial
        if back or not self.open:
            self._well()
        return back

    def _well(self) -> None:
        self._failures = 0
        self._trials = 0
        self._first_failure = math.inf
        self._held_until = -math.inf
        self._trying = False

    def refused(self, why: str) -> None:
        """A call was refused for good. The model is there, and something is wrong with the call or
        with all of them.
        """
        self._well()
        self._refusals += 1
        if self._refusals >= GIVE_UP:
            self.gone = why

    def failed(self, now: float, why: str, trial: bool, wait: float | None, dice: float) -> None:
        """A call came back without an answer; `trial` is what `sent` said of it, `wait` what the
        endpoint asks for.
        """
        self._failures += 1
        self._first_failure = min(self._first_failure, now)
        if trial or self._failures == TRIP:
            self._trials += 1
            self._trying = False
            self._hold(now + wait_after(self._trials, dice))
        if wait is not None:
            self._hold(now + min(wait, LONGEST_WAIT))
        if self.open and now - self._first_failure >= (
            self._patience if self._proven else min(self._patience, UNPROVEN)
        ):
            self.gone = why

    def _hold(self, until: float) -> None:
        self._held_until = max(self._held_until, until)
