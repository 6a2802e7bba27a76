"""Ask, read, ask again: how often, after which answers, and what is left when nothing was read."""

import pytest

from psycopref.judging.calls import Answer, asked, once
from psycopref.models.calling.answer import Exchange
from psycopref.store.calls import Ask, Message, Outcome, Reply


def ask(attempt: int) -> Ask:
    return Ask("judge", (Message("user", "a number?"),), attempt=attempt)


def number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def driven(exchange: Exchange[Answer[int]], *replies: tuple[Outcome, str]) -> Answer[int]:
    """The answer after these replies, each to the attempt that is next."""
    given = next(exchange)
    for attempt, (outcome, text) in enumerate(replies):
        assert given == ask(attempt)
        try:
            given = exchange.send(Reply(given.call_id, outcome, text))
        except StopIteration as end:
            assert attempt == len(replies) - 1, "asked no more than it had to"
            return end.value  # type: ignore[no-any-return]
    raise AssertionError("it would ask once more")


def test_the_first_answer_that_can_be_read_is_taken() -> None:
    answer = driven(asked(ask, number, 3), ("ok", "prose"), ("truncated", "4"), ("ok", "5"))
    assert answer.value == 5 and answer.outcome == "ok"
    assert answer.reply.call_id == ask(2).call_id


@pytest.mark.parametrize("outcome", ["refused", "filtered"])
def test_a_refusal_and_a_filter_are_final(outcome: Outcome) -> None:
    answer = driven(asked(ask, number, 3), (outcome, "7"))
    assert answer.value is None and answer.outcome == outcome, "and are not read"


@pytest.mark.parametrize(
    ("last", "outcome"), [(("ok", "prose"), "malformed"), (("truncated", "7"), "truncated")]
)
def test_what_is_left_after_the_last_attempt_says_why(
    last: tuple[Outcome, str], outcome: str
) -> None:
    answer = driven(asked(ask, number, 2), ("ok", "no"), last)
    assert answer.value is None and answer.outcome == outcome
    assert answer.reply.call_id == ask(1).call_id


def test_nothing_that_reads_as_false_is_asked_again() -> None:
    assert driven(asked(ask, number, 2), ("ok", "0")).value == 0


def test_once_gives_the_reply_as_it_came() -> None:
    exchange = once(ask(0))
    assert next(exchange) == ask(0)
    reply = Reply(ask(0).call_id, "filtered", "")
    with pytest.raises(StopIteration) as ended:
        exchange.send(reply)
    assert ended.value.value is reply
