"""Sampling: equal to a step-by-step run, the same whatever is sampled beside it, ended or cut."""

import torch
from helpers.tiny import TINY, World

from psycopref.nets import weights
from psycopref.nets.sampling import pick, sample, stream
from psycopref.nets.tokens import encode, messages
from psycopref.train import examples


def setup(world: World) -> tuple[weights.Loaded, list[list[int]]]:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    loaded.model.eval()
    return loaded, [
        encode(loaded.tokenizer, messages(speech)).prompt for speech in world.speeches[:5]
    ]


def test_equal_to_sampling_without_cache_or_batch(world: World) -> None:
    loaded, prompts = setup(world)
    stops = set(range(300, 330)) | weights.stop_ids(loaded)
    names = [[f"{p}/{k}" for k in range(3)] for p in range(5)]
    got = sample(loaded.model, prompts, names, 1.3, 20, stops, loaded.tokenizer.pad_token_id)
    for prompt, each, samples in zip(prompts, names, got, strict=True):
        for name, one in zip(each, samples, strict=True):
            ids: list[int] = []
            while len(ids) < 20:
                with torch.no_grad():
                    logits = loaded.model(input_ids=torch.tensor([prompt + ids])).logits[:, -1]
                token = int(pick(logits, stream(name, 20)[len(ids)][None], 1.3))
                if token in stops:
                    break
                ids.append(token)
            assert one.ids == ids and one.ended == (len(ids) < 20)
    assert {one.ended for samples in got for one in samples} == {True, False}


def test_the_same_alone_and_together(world: World) -> None:
    loaded, prompts = setup(world)
    pad, stops = loaded.tokenizer.pad_token_id, weights.stop_ids(loaded)
    together = sample(loaded.model, prompts, [[f"n{p}"] for p in range(5)], 1.0, 16, stops, pad)
    alone = sample(loaded.model, prompts[3:4], [["n3"]], 1.0, 16, stops, pad)
    assert alone[0] == together[3]


def test_pick_follows_the_distribution() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.6, 0.3]]))
    noise = torch.linspace(0, 0.9999, 1000)
    counts = torch.bincount(pick(logits.expand(1000, 3), noise, 1.0), minlength=3)
    assert (counts - torch.tensor([100, 600, 300])).abs().max() <= 2
    assert int(pick(logits, torch.tensor([0.05]), 0)) == 1
