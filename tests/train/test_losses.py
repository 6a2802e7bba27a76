"""The objectives against numbers worked out by hand."""

from math import exp, log

import pytest
import torch

from psycopref.train.losses import Values, bradley_terry, cdpo, dpo, ipo, kto, orpo, sft, simpo


def values(
    chosen: float, rejected: float, ref_chosen: float = 0.0, ref_rejected: float = 0.0
) -> Values:
    return Values(
        torch.tensor([[chosen, rejected]]),
        torch.tensor([[ref_chosen, ref_rejected]]),
        torch.tensor([[4, 8]]),
    )


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


def test_bradley_terry_with_margin_and_centring() -> None:
    v = values(1.5, -0.5)._replace(gaps_B=torch.tensor([3.0]))
    assert float(bradley_terry(v, margin=0.5).losses_B) == pytest.approx(-log_sigmoid(2.0 - 1.5))
    assert float(bradley_terry(v, centre=0.1).losses_B) == pytest.approx(
        -log_sigmoid(2.0) + 0.1 * 1.0
    )
    assert float(bradley_terry(v, margin=0.5).margins_B) == 2.0  # type: ignore[arg-type]


def test_cdpo_is_dpo_without_smoothing_and_even_at_a_half() -> None:
    v = values(-10.0, -14.0, -11.0, -12.0)
    assert float(cdpo(v, 0.5, 0.0).losses_B) == pytest.approx(float(dpo(v, 0.5).losses_B))
    assert float(cdpo(v, 0.5, 0.2).losses_B) == pytest.approx(
        -0.8 * log_sigmoid(1.5) - 0.2 * log_sigmoid(-1.5)
    )


def test_ipo_takes_means_per_token() -> None:
    lead = (1.0 / 4) - (-2.0 / 8)
    assert float(ipo(values(-10.0, -14.0, -11.0, -12.0), 0.1).losses_B) == pytest.approx(
        (lead - 5.0) ** 2
    )


def test_simpo_and_orpo_need_no_reference() -> None:
    v = values(-2.0, -8.0, 99.0, -99.0)
    assert float(simpo(v, 2.0, 0.5).losses_B) == pytest.approx(
        -log_sigmoid(2.0 * (-0.5 - -1.0) - 0.5)
    )
    odds = [log(exp(m) / (1 - exp(m))) for m in (-0.5, -1.0)]
    assert float(orpo(v, 0.1).losses_B) == pytest.approx(
        0.5 - 0.1 * log_sigmoid(odds[0] - odds[1]), rel=1e-5
    )


def test_orpo_keeps_its_digits_near_certainty() -> None:
    sure = Values(
        torch.tensor([[-1e-6, -1.0]], dtype=torch.float64, requires_grad=True),
        torch.zeros(1, 2),
        torch.ones(1, 2),
    )
    out = orpo(sure, 1.0).losses_B
    out.backward()
    assert (
        torch.isfinite(out).all()
        and sure.values_BR.grad is not None
        and torch.isfinite(sure.values_BR.grad).all()
    )


def test_kto_counts_both_sides_and_never_takes_a_negative_divergence() -> None:
    v = values(-10.0, -14.0, -11.0, -12.0)
    sigmoid = lambda x: 1 / (1 + exp(-x))  # noqa: E731
    expected = ((1 - sigmoid(0.5 * (1.0 - 0.3))) + (1 - sigmoid(0.5 * (0.3 - -2.0)))) / 2
    assert float(kto(v._replace(shift=torch.tensor(0.3)), 0.5).losses_B) == pytest.approx(expected)
    assert float(kto(v._replace(shift=torch.tensor(-5.0)), 0.5).losses_B) == pytest.approx(
        float(kto(v, 0.5).losses_B)
    )
