"""Groups of any number of responses: what an objective is given, and that a masked loss on it
trains to what a plain computation trains to.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import TINY, World

from psycopref.nets import forward, tokens, weights
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.train import examples, losses
from psycopref.train.loop import Task, train
from psycopref.train.losses import Outcome, Values
from psycopref.train.packs import Item
from psycopref.train.settings import Training
from psycopref.train.values import values_of

TOKENS = (2, 1, 3, 4, 2, 1)


def row(prompt: int, count: int) -> Encoded:
    return Encoded([prompt, 3], list(range(4, 4 + count)))


def groups() -> list[Item]:
    """One item of one row, one of two, one of three."""
    rows = [row(9, count) for count in TOKENS]
    cut = [rows[:1], rows[1:3], rows[3:]]
    return [
        Item(
            tuple(group),
            weight=float(sum(len(one.response) for one in group)),
            old_logps=tuple(tuple(-0.5 - at for at in range(len(one.response))) for one in group),
            advantages=tuple(float(number - at) for at in range(len(group))),
        )
        for number, group in enumerate(cut)
    ]


def test_rows_that_are_not_there_are_zero_and_masked() -> None:
    measured_RT = torch.arange(1.0, 25).view(6, 4) * torch.tensor(
        [[1.0] * n + [0.0] * (4 - n) for n in TOKENS]
    )
    values = values_of(groups(), measured_RT)
    assert values.tokens_BR.tolist() == [[2, 0, 0], [1, 3, 0], [4, 2, 1]]
    assert values.mask_BRT is not None and values.logps_BRT is not None
    assert torch.equal(values.mask_BRT.sum(-1), values.tokens_BR)
    assert torch.equal(values.logps_BRT[values.mask_BRT], measured_RT[measured_RT != 0])
    assert not values.logps_BRT[~values.mask_BRT].any()
    assert torch.equal(values.values_BR, values.logps_BRT.sum(-1))
    assert values.old_logps_BRT is not None and values.advantages_BR is not None
    assert values.old_logps_BRT[2, 0].tolist() == [-0.5, -1.5, -2.5, -3.5]
    assert values.old_logps_BRT[1].tolist() == [[-0.5, 0, 0, 0], [-0.5, -1.5, -2.5, 0], [0.0] * 4]
    assert values.advantages_BR.tolist() == [[0, 0, 0], [1, 0, 0], [2, 1, 0]]


def test_a_number_for_each_row_leaves_the_token_fields_out() -> None:
    measured_R = torch.arange(6.0, requires_grad=True)
    values = values_of([one._replace(old_logps=(), advantages=()) for one in groups()], measured_R)
    assert values.values_BR.tolist() == [[0, 0, 0], [1, 2, 0], [3, 4, 5]]
    assert values[5:] == (None, None, None, None)
    (gradient_R,) = torch.autograd.grad((values.values_BR**2).sum(), measured_R)
    assert torch.equal(gradient_R, 2 * measured_R.detach())


def test_what_some_rows_or_tokens_have_and_others_lack_is_an_error() -> None:
    one, two, three = groups()
    with pytest.raises(ValueError, match="zip"):
        values_of([one, two._replace(advantages=(1.0,)), three], torch.zeros(6, 4))
    short = two._replace(old_logps=(two.old_logps[0], two.old_logps[1][:-1]))
    with pytest.raises(ValueError, match="zip"):
        values_of([one, short, three], torch.zeros(6, 4))


def weighted(v: Values) -> Outcome:
    """A loss that needs every new field: the clipped ratio of each token to what it was sampled
    with, times the advantage, over the tokens that are there.
    """
    assert v.logps_BRT is not None and v.old_logps_BRT is not None
    assert v.advantages_BR is not None and v.mask_BRT is not None
    ratio_BRT = torch.exp(v.logps_BRT - v.old_logps_BRT).clamp(0.1, 3.0)
    losses_BRT = -ratio_BRT * v.advantages_BR[..., None] * v.mask_BRT
    return Outcome(losses_BRT.sum((1, 2)), None)


def mixed(world: World, loaded: Any) -> list[Item]:
    """Items of 1, 2, 3, 1 ... responses to a prompt, with what a policy of another seed said."""
    rows = list(tokens.encoded(loaded.tokenizer, world.speeches, world.responses).values())
    other = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 1)
    items = []
    for number in range(6):
        prompt = rows[2 * number].prompt
        group = [Encoded(prompt, rows[2 * number + k].response) for k in range(1 + number % 3)]
        with torch.no_grad():
            old_RT = forward.token_logps(other.model.eval(), group)
        old = [
            logps[: len(one.response)].tolist() for logps, one in zip(old_RT, group, strict=True)
        ]
        items.append(
            Item(
                tuple(group),
                weight=float(sum(len(one.response) for one in group)),
                old_logps=tuple(map(tuple, old)),
                advantages=tuple(1.0 - 0.7 * k for k in range(len(group))),
            )
        )
    return items


def plain_loss(model: Any, items: list[Item]) -> torch.Tensor:
    """The same loss, one sequence and one token at a time, by transformers alone."""
    total, count = torch.zeros(()), 0
    for item in items:
        for one, old, advantage in zip(item.rows, item.old_logps, item.advantages, strict=True):
            logits = model(input_ids=torch.tensor([one.ids])).logits[0, len(one.prompt) - 1 : -1]
            logps = torch.log_softmax(logits, -1)
            for at, token in enumerate(one.response):
                ratio = torch.exp(logps[at, token] - old[at]).clamp(0.1, 3.0)
                total = total - ratio * advantage
                count += 1
    return total / count


@pytest.mark.parametrize("batch_tokens", [64, 100_000])
@pytest.mark.parametrize("packed", [True, False])
def test_groups_of_unequal_size_train_as_a_plain_computation_does(
    world: World, tmp_path: Path, batch_tokens: int, packed: bool
) -> None:
    texts = examples.texts(world.speeches, world.responses, "train")
    ours, theirs = (weights.fresh_policy(texts, TINY, 0) for _ in range(2))
    items = mixed(world, ours)
    plan = Training(
        lr=1e-3,
        warmup=0.0,
        decay="constant",
        batch_size=len(items),
        steps=3,
        batch_tokens=batch_tokens,
        size=TINY,
    )
    if not packed:
        ours.model._psycopref_packs = False
    task = Task("weighted", forward.token_logps, weighted)
    points = train(ours.model, task, items, items[:3], plan, tmp_path, Progress())
    optimiser = torch.optim.AdamW(theirs.model.parameters(), lr=plan.lr, weight_decay=0.0)
    wanted = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = plain_loss(theirs.model, items)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.model.parameters(), plan.clip)
        optimiser.step()
        wanted.append(float(loss.detach()))
    found = [point.value for point in points if point.name == "loss"]
    assert found == pytest.approx(wanted, abs=1e-5) and wanted[-1] < wanted[0]
    assert {point.name for point in points} == {"loss", "lr", "dev_loss"}, "no pairs, no accuracy"
    state = theirs.model.state_dict()
    assert all(
        torch.allclose(one, state[name], atol=2e-4) for name, one in ours.model.state_dict().items()
    )


def test_an_objective_on_sums_takes_token_log_probabilities_too(
    world: World, tmp_path: Path
) -> None:
    texts = examples.texts(world.speeches, world.responses, "train")
    curves = []
    for number, measure in enumerate((forward.logps, forward.token_logps)):
        loaded = weights.fresh_policy(texts, TINY, 0)
        items = examples.pairs(loaded.tokenizer, *world, "train", 512).items
        plan = Training(lr=1e-3, batch_size=4, steps=3, size=TINY)
        task = Task("simpo", measure, lambda v: losses.simpo(v, 2.0, 0.5))
        points = train(loaded.model, task, items, [], plan, tmp_path / str(number), Progress())
        curves.append([point.value for point in points if point.name == "loss"])
    assert curves[0] == pytest.approx(curves[1], abs=1e-5)
