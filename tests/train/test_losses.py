"""The objectives against numbers worked out by hand."""

from math import exp, log

import pytest
import torch

from psycopref.train.losses import Values, bradley_terry, dpo, sft


def values(chosen: float, rejected: float, ref_chosen: float = 0.0, ref_rejected: float = 0.0) -> Values:
    return Values(torch.tensor([[chosen, rejected]]), torch.tensor([[ref_chosen, ref_rejected]]), torch.tensor([[4, 8]]))


def log_sigmoid(x: float) -> float:
    return -log(1 + exp(-x))


def test_bradley_terry() -> None:
    out = bradley_terry(values(1.5, -0.5))
    assert float(out.losses_B) == pytest.approx(-log_sigmoid(2.0))
    assert out.margins_B is not None and float(out.margins_B) == 2.0


def test_dpo_is_equation_7() -> None:
    out = dpo(values(-10.0, -14.0, -11.0, -12.0), beta=0.5)
    assert float(out.losses_B) == pytest.approx(-log_sigmoid(0.5 * (1.0 - -2.0)))


def test_dpo_anchor_adds_the_mean_negative_log_probability_of_the_chosen() -> None:
    plain, anchored = dpo(values(-10.0, -14.0), 0.1), dpo(values(-10.0, -14.0), 0.1, anchor=2.0)
    assert float(anchored.losses_B - plain.losses_B) == pytest.approx(2.0 * 10.0 / 4)


def test_dpo_at_the_reference_is_log_two() -> None:
    assert float(dpo(values(-3.0, -5.0, -3.0, -5.0), 0.1).losses_B) == pytest.approx(log(2))


def test_sft_is_the_negative_log_probability() -> None:
    out = sft(Values(torch.tensor([[-7.0]]), torch.zeros(1, 1), torch.ones(1, 1)))
    assert float(out.losses_B) == 7.0 and out.margins_B is None
