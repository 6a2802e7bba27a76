# mypy: disable-error-code="attr-defined"
# rows of two types with a call_id stand in one list
"""Drafts: every one a call in the ledger, asked once, with the length that was asked for in the
prompt.
"""

import pytest
from helpers.tiny import TINY, World

from psycopref.lab import Lab
from psycopref.nets import sampling
from psycopref.stages.draft import Draft
from psycopref.stages.policy import Policy


@pytest.fixture
def weights(lab: Lab, world: World):  # type: ignore[no-untyped-def]
    """A policy that has learnt two sentences by heart, so that its drafts end whatever the machine
    rounds like.
    """
    return lab.do(
        Policy(objective="sft", lr=1e-2, epochs=30, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights


def test_every_sample_is_a_row_and_a_call(  # type: ignore[no-untyped-def]
    lab: Lab, world: World, weights
) -> None:
    made = lab.do(Draft(samples=3, max_tokens=40, split="dev", rows=6), world.speeches, weights, [])
    assert len(made.responses) + len(made.failures) == 4 * 3 == lab.taken[-1]["calls"]
    calls = [row.call_id for row in (*made.responses, *made.failures)]
    assert set(lab.ledger.get(calls)) == set(calls)
    assert {row.model for row in made.responses} == {next(iter(made.responses)).model} and all(
        row.text for row in made.responses
    )
    assert all(failure.reason in ("truncated: draft", "empty: draft") for failure in made.failures)


def test_truncated_drafts_are_failures(  # type: ignore[no-untyped-def]
    lab: Lab, world: World, weights
) -> None:
    made = Draft(samples=2, max_tokens=1).run(lab, world.speeches, weights, [])
    reasons = {f.reason for f in made.failures}
    assert (
        not made.responses
        and len(made.failures) == 32
        and "truncated: draft" in reasons
        and reasons <= {"truncated: draft", "empty: draft"}
    )


def test_a_killed_draft_pays_only_for_chunks_in_flight(
    lab: Lab, world: World, weights, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    stage = Draft(samples=2, max_tokens=30, rows=8)
    real, chunks = sampling.sample, []

    def dying(model, prompts, *more):  # type: ignore[no-untyped-def]
        if len(chunks) == 2:
            raise KeyboardInterrupt
        chunks.append(len(prompts))
        return real(model, prompts, *more)

    monkeypatch.setattr(sampling, "sample", dying)
    with pytest.raises(KeyboardInterrupt):
        stage.run(lab, world.speeches, weights, [])
    monkeypatch.setattr(sampling, "sample", real)
    before = lab.calls_made
    made = stage.run(lab, world.speeches, weights, [])
    assert before == 2 * sum(chunks) == 16 and lab.calls_made == 32
    assert made == stage.run(lab, world.speeches, weights, []) and lab.calls_made == 32


def test_targets_choose_the_speeches_and_ask_for_their_length(
    lab: Lab, world: World, weights
) -> None:  # type: ignore[no-untyped-def]
    made = Draft(samples=1, max_tokens=40).run(lab, world.speeches, weights, world.responses[:4])
    rows = [*made.responses, *made.failures]
    assert len(rows) == 2
    assert all(
        "Answer in about 10 words." in (lab.ledger.ask_text(row.call_id) or "") for row in rows
    )
