"""The objectives: pure functions of what a model says of each sequence, one loss per item, each
with its equation and source.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Values(NamedTuple):
    """What is known of a batch of B items with at most R rows each (of a pair the chosen one
    first): tensors are B x R, B, or B x R x T with T response tokens at most.

    A row that is not there (items may have unequal numbers of rows) has 0 tokens; what stands in
    the other tensors at its place, and past the end of a shorter response, is 0 and means nothing.
    Objectives on pairs read the first two rows, which their items have.
    """

    values_BR: Tensor
    """A reward, or the summed log-probability of a response."""
    reference_BR: Tensor
    """The reference model's; without gradient."""
    tokens_BR: Tensor
    """Numbers of response tokens."""
    gaps_B: Tensor | None = None
    """By how much the chosen response was rated higher."""
    shift: Tensor | None = None
    """An estimate of the divergence from the reference over the whole batch (`kto` alone; without
    gradient).
    """
    logps_BRT: Tensor | None = None
    """The log-probability of each response token, where the task measures tokens."""
    old_logps_BRT: Tensor | None = None
    """Those under the policy that sampled the responses, where items have them; without
    gradient.
    """
    advantages_BR: Tensor | None = None
    """By how much a response was better than expected, where items have it."""
    mask_BRT: Tensor | None = None
    """True where a response token is; there is one whenever there is logps_BRT."""


class Outcome(NamedTuple):
    """A loss per item, and by how much the chosen row leads the rejected one (None where there is
    only one row).
    """

    losses_B: Tensor
    margins_B: Tensor | None

    @property
    def pairs(self) -> int:
        """How many of the items are pairs."""
        return 0 if self.margins_B is None else len(self.margins_B)

    @property
    def hits(self) -> int:
        """In how many of them the chosen row leads."""
        return 0 if self.margins_B is None else int((self.margins_B > 0).sum())


def bradley_terry(v: Values, margin: float = 0.0, centre: float = 0.0) -> Outcome:
    """-log sigmoid(r_c - r_r - margin * gap) + centre * (r_c + r_r)^2.

    Bradley and Terry (1952); arXiv 2502.19731, section 4.1. The margin is Llama 2's (arXiv
    2307.09288, equation 2) with the gap between the ratings as m(r), the centring that of
    Eisenstein et al. 2023 (arXiv 2312.09244, equation 2); 0 leaves either out.
    """
    margins_B = v.values_BR[:, 0] - v.values_BR[:, 1]
    asked = margins_B - margin * v.gaps_B if margin and v.gaps_B is not None else margins_B
    losses_B = -F.logsigmoid(asked)
    if centre:
        losses_B = losses_B + centre * (v.values_BR[:, 0] + v.values_BR[:, 1]) ** 2
    return Outcome(losses_B, margins_B)


def dpo(v: Values, beta: float, anchor: float = 0.0) -> Outcome:
    """-log sigmoid(beta * ((pi_c - ref_c) - (pi_r - ref_r))), Rafailov et al. 2023 (arXiv
    2305.18290), equation 7.

    `anchor` adds that many times the chosen response's mean negative log-probability per token,
    Pang et al. 2024 (arXiv 2404.19733), equation 1; 0 is plain DPO.
    """
    margins_B = beta * _ahead(v.values_BR - v.reference_BR)
    losses_B = -F.logsigmoid(margins_B)
    if anchor:
        losses_B = losses_B - anchor * _means(v)[:, 0]
    return Outcome(losses_B, margins_B)


def cdpo(v: Values, beta: float, smoothing: float) -> Outcome:
    """DPO where a share `smoothing` of the preferences is taken to be the wrong way round: Mitchell
    2023, "A note on DPO with noisy preferences and relationship to IPO", equation 3: -(1 - e) log
    sigmoid(m) - e log sigmoid(-m).
    """
    margins_B = beta * _ahead(v.values_BR - v.reference_BR)
    return Outcome(
        -(1 - smoothing) * F.logsigmoid(margins_B) - smoothing * F.logsigmoid(-margins_B), margins_B
    )


def ipo(v: Values, beta: float) -> Outcome:
    """(h - 1 / (2 beta))^2 with h the lead of the log-ratios, Azar et al. 2023 (arXiv 2310.12036),
    equation 17 with tau = beta.

    Log-ratios are means per token, as the authors used them (and as TRL does).
    """
    margins_B = _ahead((v.values_BR - v.reference_BR) / v.tokens_BR)
    return Outcome((margins_B - 1 / (2 * beta)) ** 2, margins_B)


def simpo(v: Values, beta: float, gamma: float) -> Outcome:
    """-log sigmoid(beta * (mean pi_c - mean pi_r) - gamma), Meng et al. 2024 (arXiv 2405.14734),
    equation 6; no reference model.
    """
    margins_B = beta * _ahead(_means(v))
    return Outcome(-F.logsigmoid(margins_B - gamma), margins_B)


def orpo(v: Values, beta: float) -> Outcome:
    """-mean pi_c - beta * log sigmoid(log odds_c - log odds_r), Hong et al. 2024 (arXiv
    2403.07691), equations 6 and 7; no reference model.

    odds = p / (1 - p) with p the geometric mean of the response's token probabilities; beta is the
    paper's lambda.
    """
    means_BR = _means(v)
    margins_B = _ahead(means_BR - _log1mexp(means_BR))
    return Outcome(-means_BR[:, 0] - beta * F.logsigmoid(margins_B), margins_B)


def kto(v: Values, beta: float) -> Outcome:
    """(1 - sigmoid(beta * (h_c - z))) and (1 - sigmoid(beta * (z - h_r))), their mean; Ethayarajh
    et al. 2024 (arXiv 2402.01306), equation 7.

    h are the log-ratios of the two responses, which count alike (both weights 1); z = `shift` is
    the batch's mean log-ratio of responses set beside prompts that they do not answer, at least 0.
    """
    ratios_BR = v.values_BR - v.reference_BR
    z = torch.zeros((), device=ratios_BR.device) if v.shift is None else v.shift.clamp_min(0)
    desirable_B = 1 - torch.sigmoid(beta * (ratios_BR[:, 0] - z))
    undesirable_B = 1 - torch.sigmoid(beta * (z - ratios_BR[:, 1]))
    return Outcome((desirable_B + undesirable_B) / 2, beta * _ahead(ratios_BR))


def sft(v: Values) -> Outcome:
    """-log p(response | prompt), summed over the response's tokens: maximum likelihood on responses
    only.
    """
    return Outcome(-v.values_BR[:, 0], None)


def _ahead(values_BR: Tensor) -> Tensor:
    """Chosen less rejected."""
    return values_BR[:, 0] - values_BR[:, 1]


def _means(v: Values) -> Tensor:
    """Log-probabilities per token."""
    return v.values_BR / v.tokens_BR


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0 without loss of digits (Maechler 2012)."""
    x = x.clamp_max(-torch.finfo(x.dtype).eps)
    return torch.where(
        x > -0.6931471805599453, torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x))
    )
