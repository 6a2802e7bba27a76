"""Scores: one rating per response in order, the same in any batch, too long is an error."""

import pytest
from helpers.tiny import TINY, World

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets.weights import name_of
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score
from psycopref.tables import Response


def test_one_rating_per_response_whatever_the_batch(lab: Lab, world: World) -> None:
    made = lab.do(Reward(steps=2, batch_size=4, size=TINY), *world, None)
    one = lab.do(Score(batch_tokens=64), world.speeches, world.responses, made.weights).ratings
    many = lab.do(Score(), world.speeches, world.responses, made.weights).ratings
    assert [r.subject_id for r in one] == [r.response_id for r in world.responses]
    assert [r.score for r in one] == pytest.approx([r.score for r in many], abs=1e-5)
    assert {(r.item, r.judge) for r in one} == {("reward", name_of(made.weights))}


def test_longer_than_the_model_reads_is_an_error(lab: Lab, world: World) -> None:
    made = lab.do(Reward(steps=1, batch_size=4, size=TINY), *world, None)
    long = Response("response-long", world.speeches[0].speech_id, "x", "word " * 2000)
    with pytest.raises(TrainError, match="1 responses are longer than the 512 tokens"):
        Score().run(lab, world.speeches, [long], made.weights)


def test_a_response_that_stands_twice_has_one_rating(lab: Lab, world: World) -> None:
    weights = lab.do(Reward(steps=1, batch_size=4, size=TINY), *world, None).weights
    once = Score().run(lab, world.speeches, world.responses, weights).ratings
    twice = (
        Score().run(lab, world.speeches, [*world.responses, *world.responses[:5]], weights).ratings
    )
    assert list(once) == list(twice)
