"""Drift: the log-ratio that plain transformers gives, and nothing where nothing has moved."""

from pathlib import Path

import pytest
import torch
from helpers.tiny import TINY, World
from transformers import AutoModelForCausalLM, AutoTokenizer

from psycopref.lab import Lab
from psycopref.nets.tokens import encode, messages
from psycopref.nets.weights import name_of
from psycopref.stages.drift import Drift
from psycopref.stages.policy import Policy


def plain(folder: Path, prompt: list[int], response: list[int]) -> float:
    """log p(response | prompt), one token after another, without anything of ours."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
    return sum(float(logits[len(prompt) + at - 1, token]) for at, token in enumerate(response))


def test_it_is_the_log_ratio_of_two_models(lab: Lab, world: World) -> None:
    start = lab.do(
        Policy(objective="sft", lr=1e-2, steps=3, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    later = lab.do(Policy(lr=1e-2, steps=4, batch_size=4, size=TINY), *world, start).weights
    rated = lab.do(Drift(batch_tokens=64), world.speeches, world.responses, later, start).ratings
    assert [row.subject_id for row in rated] == [row.response_id for row in world.responses]
    assert {(row.item, row.judge) for row in rated} == {("log_ratio", name_of(start))}
    one, tokenizer = world.responses[0], AutoTokenizer.from_pretrained(later)
    row = encode(
        tokenizer,
        messages(next(speech for speech in world.speeches if speech.speech_id == one.speech_id)),
        one.text,
    )
    expected = plain(later, row.prompt, row.response) - plain(start, row.prompt, row.response)
    assert rated[0].score == pytest.approx(expected, abs=1e-3) and abs(expected) > 0.1
    assert all(
        row.score == 0.0
        for row in lab.do(Drift(), world.speeches, world.responses, start, start).ratings
    )
