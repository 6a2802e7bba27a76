"""The judge stage against a real loopback server: every response and item ends in one row."""

from collections import Counter

import pytest
from loopback import Behaviour, Loopback

from psycopref.instruments import load_instrument
from psycopref.lab import Lab
from psycopref.models.pool import ModelEntry
from psycopref.stages.rate import Rate
from psycopref.tables import Response, Speech

SPEECHES = [Speech(f"speech-{n}", "made-up", f"I worry about number {n}.") for n in range(6)]
RESPONSES = [Response(f"response-{s.speech_id}-{m}", s.speech_id, m, f"{m} hears {s.speech_id}?") for s in SPEECHES for m in "abcde"]
ITEMS = len(load_instrument("psychocounsel").items)


def rate(url: str, **more: int) -> Rate:
    return Rate(instrument="psychocounsel", judge=ModelEntry(name="judge", kind="openai", url=url), **more)


def test_counts_add_up_with_faults(lab: Lab) -> None:
    with Loopback({"judge": Behaviour(busy=0.1, broken=0.1, cut=0.2, refused=0.1, filtered=0.05)}) as server:
        out = lab.do(rate(server.url), SPEECHES, RESPONSES)
    assert len(out.ratings) + len(out.failures) == len(RESPONSES) * ITEMS
    assert len({(r.subject_id, r.item) for r in out.ratings} | {(f.subject_id, f.reason.split()[-1]) for f in out.failures}) == len(RESPONSES) * ITEMS
    reasons = Counter(f.reason.split(":")[0] for f in out.failures)
    assert reasons["refused"] and reasons["filtered"]
    kept = lab.ledger.get([row.call_id for row in (*out.ratings, *out.failures)])
    assert all(row.call_id in kept for row in (*out.ratings, *out.failures))


@pytest.mark.parametrize("answer", ["All of them deserve a six.", '{"ratings": [{"response": 1, "rationale": "", "score": 6}]}'])
def test_prose_and_a_six_are_failures_after_a_second_try(lab: Lab, answer: str) -> None:
    with Loopback() as server:
        server.judge = lambda messages: answer
        out = lab.do(rate(server.url, responses_per_call=1), SPEECHES[:1], RESPONSES[:1])
        assert sum(server.book.answers.values()) == 2 * ITEMS
    assert len(out.ratings) == 0
    assert {f.reason.split(":")[0] for f in out.failures} == {"malformed"}


def test_a_second_answer_is_taken_when_the_first_was_prose(lab: Lab) -> None:
    from loopback import judge

    with Loopback() as server:
        server.judge = lambda messages: "Let me think."
        server.extra = lambda body: judge(body["messages"]) if "seed" in body else None
        out = lab.do(rate(server.url), SPEECHES, RESPONSES)
    assert len(out.failures) == 0 and len(out.ratings) == len(RESPONSES) * ITEMS


def test_the_order_shown_is_not_the_order_of_the_pool() -> None:
    jobs = rate("http://localhost/v1", responses_per_call=5).jobs(SPEECHES, RESPONSES)
    assert len({tuple(r.model for r in job.responses) for job in jobs}) > 3


@pytest.mark.parametrize("busy", [0.0, 0.5])
def test_equal_answers_are_one_call_and_both_rated(lab: Lab, busy: float) -> None:
    same = [Response(f"response-{s.speech_id}-{m}", s.speech_id, m, "I cannot talk about this.") for s in SPEECHES for m in "ab"]
    with Loopback({"judge": Behaviour(busy=busy)}) as server:
        out = lab.do(rate(server.url, responses_per_call=1), SPEECHES, same)
        assert sum(server.book.answers.values()) == len(SPEECHES) * ITEMS
    assert len(out.ratings) == len(same) * ITEMS and len(out.failures) == 0
    assert {row.subject_id for row in out.ratings} == {row.response_id for row in same}


def test_equal_answers_fail_alike(lab: Lab) -> None:
    same = [Response(f"response-{m}", SPEECHES[0].speech_id, m, "No.") for m in "ab"]
    with Loopback() as server:
        server.judge = lambda messages: "Let me think."
        out = lab.do(rate(server.url, responses_per_call=1), SPEECHES[:1], same)
    assert len(out.ratings) == 0 and len(out.failures) == 2 * ITEMS
    assert len({row.call_id for row in out.failures}) == ITEMS
