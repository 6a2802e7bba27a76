"""The objectives: pure functions of what a model says of each sequence, one loss per item."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Values(NamedTuple):
    """What is known of a batch of B items with R rows each (chosen first): all tensors are B x R.

    `values_BR` is a reward or the summed log-probability of a response, `reference_BR` the reference model's, `tokens_BR`
    the number of response tokens.
    """

    values_BR: Tensor
    reference_BR: Tensor
    tokens_BR: Tensor


class Outcome(NamedTuple):
    """A loss per item, and by how much the chosen row leads the rejected one (None where there is only one row)."""

    losses_B: Tensor
    margins_B: Tensor | None


def bradley_terry(v: Values) -> Outcome:
    """-log sigmoid(r_chosen - r_rejected), Bradley and Terry (1952); arXiv 2502.19731 section 4.1."""
    margins_B = v.values_BR[:, 0] - v.values_BR[:, 1]
    return Outcome(-F.logsigmoid(margins_B), margins_B)


def dpo(v: Values, beta: float, anchor: float = 0.0) -> Outcome:
    """-log sigmoid(beta * ((pi_c - ref_c) - (pi_r - ref_r))), Rafailov et al. 2023 (arXiv 2305.18290), equation 7.

    `anchor` adds that many times the chosen response's mean negative log-probability per token, Pang et al. 2024
    (arXiv 2404.19733), equation 1; 0 is plain DPO.
    """
    ratios_BR = v.values_BR - v.reference_BR
    margins_B = beta * (ratios_BR[:, 0] - ratios_BR[:, 1])
    losses_B = -F.logsigmoid(margins_B)
    if anchor:
        losses_B = losses_B - anchor * v.values_BR[:, 0] / v.tokens_BR[:, 0]
    return Outcome(losses_B, margins_B)


def sft(v: Values) -> Outcome:
    """-log p(response | prompt), summed over the response's tokens: maximum likelihood on responses only."""
    return Outcome(-v.values_BR[:, 0], None)
