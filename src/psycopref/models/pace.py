"""When the next call may go: rates, calls in flight and outages, as plain arithmetic on a clock that the caller reads."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

CUT = 0.7  # calls in flight after a failure, as a share of those before
RAMP = 30.0  # seconds from one call in flight to all that are allowed
BURST = 1.0  # seconds' worth of a rate that may go at once after a rest
FIRST_WAIT = 0.5  # seconds before the second try of a call or of a model, doubled from try to try
CAP = 20.0  # seconds, the longest wait that nobody asked for
LONGEST_WAIT = 600.0  # seconds, the longest Retry-After that is honoured
TRIP = 10  # calls in a row without an answer, after which a model gets one call at a time
GIVE_UP = 20  # refusals in a row that will not pass (a wrong key), after which a model is left alone
UNPROVEN = 60.0  # seconds that a model which has never answered is waited for, where its patience is longer
LETTERS = 4  # of a prompt to a token, for estimates
ANSWER = 512  # tokens of an answer where an ask sets no maximum, for estimates


def wait_after(failures: int, dice: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time up to CAP, times 0.5 to 1. `dice` is in [0, 1)."""
    return min(CAP, FIRST_WAIT * 2.0 ** min(max(0, failures - 1), 30)) * (0.5 + 0.5 * dice)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that an endpoint asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date; None where it asks nothing.

    A date is held against the endpoint's own clock (its `Date`) where it sends one.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = _number(headers.get(name, ""))
        if value is not None:
            return max(0.0, value * unit)
    until = _date(headers.get("retry-after", ""))
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now or datetime.now(UTC))).total_seconds())


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
    """A rate per minute, spaced out: after a rest at most BURST seconds' worth goes at once, and too much taken is waited for later."""

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
    """Calls that may be in flight: up by one part of `most` each second of answers, down by a third with a failure.

    A failure of a call that was sent before the last cut says nothing new and cuts nothing, so one burst of failures is one cut.
    """

    def __init__(self, most: int) -> None:
        self.most, self.size = most, float(most)
        self._cut_at, self._grew_at = -math.inf, -math.inf

    def answered(self, now: float) -> None:
        """One answer has come. Time without answers earns nothing beyond a second."""
        self.size = min(float(self.most), self.size + min(1.0, now - self._grew_at) * self.most / RAMP)
        self._grew_at = now

    def failed(self, now: float, sent_at: float) -> None:
        """One call came back with a 429, a 5xx or nothing."""
        if sent_at >= self._cut_at:
            self.size, self._cut_at = max(1.0, self.size * CUT), now

    def room(self, in_flight: int) -> bool:
        """Whether one more may go."""
        return in_flight < int(self.size)


class Pace:
    """The limits of one model, or of several that share them: calls in flight, requests and tokens per minute, waits asked for."""

    def __init__(self, concurrency: int, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self.window = Window(concurrency)
        self.in_flight = 0
        self._requests = Meter(requests_per_minute) if requests_per_minute else None
        self._tokens = Meter(tokens_per_minute) if tokens_per_minute else None
        self._held_until, self._limited = -math.inf, 0

    @property
    def counts_tokens(self) -> bool:
        """Whether `sent` needs an estimate of a call's tokens."""
        return self._tokens is not None

    def wait(self, now: float) -> float:
        """Seconds until a call may go; infinite while as many are in flight as may be."""
        if not self.window.room(self.in_flight):
            return math.inf
        return max(self._held_until - now, *(meter.wait(now) for meter in (self._requests, self._tokens) if meter), 0.0)

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
        self._limited = 0
        if self._tokens and tokens:
            self._tokens.correct(tokens - estimated)

    def limited(self, now: float, wait: float | None, dice: float) -> None:
        """The endpoint said that this was too much: where it asks for time, or one call at a time is still too much, all hold still."""
        self._limited += 1
        if wait is None and self.window.size < 2.0:
            wait = wait_after(self._limited, dice)
        self._held_until = max(self._held_until, now + min(wait or 0.0, LONGEST_WAIT))


class Breaker:
    """Whether a model is asked at all. After TRIP failures in a row it gets one call at a time, at growing distances, until one is answered.

    `gone` says why a model is given up: unanswered for `patience` seconds, or refused GIVE_UP times in a row. A model that has
    never answered is given up sooner (UNPROVEN), since it is more likely misnamed than down.
    """

    def __init__(self, patience: float) -> None:
        self.gone = ""
        self._patience, self._proven = patience, False
        self._failures = self._trials = self._refusals = 0
        self._first_failure, self._held_until = math.inf, -math.inf
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether the model gets single calls only."""
        return self._failures >= TRIP

    def wait(self, now: float) -> float:
        """Seconds until a call may go; infinite while the one that tries the model out is under way."""
        return math.inf if self.open and self._trying else max(0.0, self._held_until - now)

    def sent(self) -> bool:
        """A call goes out; whether it is one that tries the model out."""
        self._trying = self.open
        return self._trying

    def answered(self) -> None:
        """An answer came: the model is there."""
        self._well()
        self._refusals, self._proven = 0, True

    def _well(self) -> None:
        self._failures = self._trials = 0
        self._first_failure, self._held_until, self._trying = math.inf, -math.inf, False

    def refused(self, why: str) -> None:
        """A call was refused for good. The model is there, and something is wrong with the call or with all of them."""
        self._well()
        self._refusals += 1
        if self._refusals >= GIVE_UP:
            self.gone = why

    def failed(self, now: float, why: str, trial: bool, wait: float | None, dice: float) -> None:
        """A call came back without an answer; `trial` is what `sent` said of it, `wait` what the endpoint asks for."""
        self._failures += 1
        self._first_failure = min(self._first_failure, now)
        if trial or self._failures == TRIP:
            self._trials, self._trying = self._trials + 1, False
            self._hold(now + wait_after(self._trials, dice))
        if wait is not None:
            self._hold(now + min(wait, LONGEST_WAIT))
        if self.open and now - self._first_failure >= (self._patience if self._proven else min(self._patience, UNPROVEN)):
            self.gone = why

    def _hold(self, until: float) -> None:
        self._held_until = max(self._held_until, until)
