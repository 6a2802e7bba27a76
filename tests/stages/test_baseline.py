"""Reward models of others: the numbers that plain transformers gives, one by one, on what their own
template writes.
"""

from pathlib import Path

import pytest
import torch
from helpers.tiny import TINY, World, build_world
from helpers.tiny_judge import LINES, judge
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets import weights
from psycopref.nets.tokens import CHATML
from psycopref.stages.baseline import Baseline


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def plain(folder: str, speech: str, response: str) -> float:
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    chat = [{"role": "user", "content": speech}, {"role": "assistant", "content": response}]
    ids = tokenizer(
        tokenizer.apply_chat_template(chat, tokenize=False),
        return_tensors="pt",
        add_special_tokens=False,
    ).input_ids
    with torch.no_grad():
        return float(model(input_ids=ids).logits.item())


def test_scores_are_those_of_plain_transformers_on_the_models_own_template(
    lab: Lab, world: World, tmp_path: Path
) -> None:
    assert LINES != CHATML
    folder = judge(tmp_path / "rm", world)
    out = lab.do(Baseline(model=folder), world.speeches, world.responses)
    said = {row.speech_id: row.text for row in world.speeches}
    assert len(out.ratings) == len(world.responses) and not len(out.failures)
    for row, response in zip(out.ratings, world.responses, strict=True):
        assert (
            row.subject_id == response.response_id and row.item == "reward" and row.judge == folder
        )
        assert row.score == pytest.approx(
            plain(folder, said[response.speech_id], response.text), abs=1e-5
        )
    assert len({round(row.score, 4) for row in out.ratings}) > 10


def test_only_responses_to_the_speeches_given_are_scored(
    lab: Lab, world: World, tmp_path: Path
) -> None:
    out = lab.do(Baseline(model=judge(tmp_path / "rm", world)), world.speeches[:2], world.responses)
    assert {row.subject_id for row in out.ratings} == {
        row.response_id for row in world.responses[:4]
    }


def test_a_response_that_the_model_cannot_read_is_a_failure_and_no_number(
    lab: Lab, world: World, tmp_path: Path
) -> None:
    folder = judge(tmp_path / "rm", world)
    long = world.responses[0].__class__(
        "response-long", world.speeches[0].speech_id, "a", "I see. " * 900
    )
    out = lab.do(Baseline(model=folder), world.speeches, [*world.responses, long])
    assert [(row.subject_id, row.reason) for row in out.failures] == [
        ("response-long", "too long: baseline")
    ]
    assert len(out.ratings) == len(world.responses)


def test_a_model_without_a_trained_head_is_refused(lab: Lab, world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_policy([row.text for row in world.speeches], TINY, 0)
    loaded.model.save_pretrained(tmp_path / "policy")
    loaded.tokenizer.save_pretrained(tmp_path / "policy")
    with pytest.raises(TrainError, match="no trained reward head"):
        lab.do(Baseline(model=str(tmp_path / "policy")), world.speeches, world.responses)


def test_labels_template_and_folder_are_asked_for_by_name(
    lab: Lab, world: World, tmp_path: Path
) -> None:
    with pytest.raises(TrainError, match="has 3 labels"):
        lab.do(
            Baseline(model=judge(tmp_path / "three", world, labels=3)),
            world.speeches,
            world.responses,
        )
    bare = judge(tmp_path / "bare", world, template=None)
    with pytest.raises(TrainError, match="no chat template"):
        lab.do(Baseline(model=bare), world.speeches, world.responses)
    with pytest.raises(TrainError, match="does not load"):
        lab.do(Baseline(model=str(tmp_path)), world.speeches, world.responses)
    with pytest.raises(TrainError, match="cannot be read"):
        lab.do(
            Baseline(model=bare, template=tmp_path / "none.jinja"), world.speeches, world.responses
        )
    (tmp_path / "own.jinja").write_text(LINES)
    with_file = lab.do(
        Baseline(model=bare, template=tmp_path / "own.jinja"), world.speeches, world.responses
    ).ratings
    own = lab.do(
        Baseline(model=judge(tmp_path / "own", world)), world.speeches, world.responses
    ).ratings
    assert [row.score for row in with_file] == [row.score for row in own]
