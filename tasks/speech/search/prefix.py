"""CTC's probability of all texts that begin in a certain way: what a search from unit to unit can use."""

# N hypotheses, S positions, V number of units, C candidates

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.speech.units import BLANK, EOS

NEVER = -1e30  # log 0 in sums that must not become NaN


class PrefixState(NamedTuple):
    """Of each hypothesis g: log r_n[t] and r_b[t] (N, S + 1), that positions up to t say g and end in its last unit or
    in a blank, t = 0 before the first; its log-probability so far (N,), and its last unit (N,)."""

    ends_in_unit: Tensor
    ends_in_blank: Tensor
    score: Tensor
    last: Tensor


class PrefixScorer:
    """log P(a text that begins with g u) - log P(one that begins with g), for every u.

    phi[t] = r_b[t] + (r_n[t] unless u repeats g's last unit);   P(g u ...) = sum over t of phi[t - 1] p_u[t]
    r_n'[t] = p_u[t] (r_n'[t - 1] + phi[t - 1]);   r_b'[t] = p_blank[t] (r_b'[t - 1] + r_n'[t - 1]);
    P(g ends) = r_n[S] + r_b[S]   (Watanabe et al. 2017, algorithm 2; Graves 2008)

    Both recursions are linear, so they are sums of products: with P[t] the cumulated log p, r'[t] = P[t] +
    logcumsumexp(x[t - 1] - P[t - 1]). No loop over positions remains, and only the units that a search has chosen are
    followed. Sums run in float64.

    Args:
        log_probs: of CTC (N, S, V), one row a hypothesis or broadcastable to it.
        lengths: positions of each (N,).
    """

    def __init__(self, log_probs: Tensor, lengths: Tensor) -> None:
        self.log_probs = log_probs.double()
        self.lengths = lengths
        self.outside = torch.arange(log_probs.shape[1], device=log_probs.device) >= lengths[:, None]

    def start(self) -> PrefixState:
        """The empty text."""
        blank = self.log_probs[:, :, BLANK].cumsum(dim=1)
        before = blank.new_zeros(len(blank), 1)
        never = torch.full((len(blank), blank.shape[1] + 1), NEVER, dtype=blank.dtype, device=blank.device)
        last = torch.full_like(self.lengths, EOS)
        return PrefixState(never, torch.cat([before, blank], dim=1), before[:, 0], last)

    def score(self, state: PrefixState, candidates: Tensor) -> Tensor:
        """How much less likely each candidate (N, C) makes the text: -> (N, C) float64, at most 0."""
        either = torch.logaddexp(state.ends_in_unit, state.ends_in_blank)
        repeated = (candidates == state.last[:, None])[:, :, None]
        phi = torch.where(repeated, state.ends_in_blank[:, None, :-1], either[:, None, :-1])  # (N, C, S)
        p = self.log_probs.gather(2, candidates[:, None].expand(-1, self.log_probs.shape[1], -1)).transpose(1, 2)
        begun = (phi + p).masked_fill(self.outside[:, None], NEVER).logsumexp(dim=2)
        ended = either.gather(1, self.lengths[:, None])
        return torch.where(candidates == EOS, ended, begun) - state.score[:, None]

    def advance(self, state: PrefixState, rows: Tensor, units: Tensor, gained: Tensor) -> PrefixState:
        """The hypotheses ``rows`` (M,) with one unit (M,) more, whose ``score`` was ``gained`` (M,).

        A row stays with its utterance: M = N, and row m is of the same utterance as hypothesis ``rows[m]``.
        """
        unit, blank = state.ends_in_unit[rows], state.ends_in_blank[rows]
        repeated = (units == state.last[rows])[:, None]
        phi = torch.where(repeated, blank, torch.logaddexp(unit, blank))[:, :-1]
        p = self.log_probs.gather(2, units[:, None, None].expand(-1, self.log_probs.shape[1], 1))[:, :, 0]
        new_unit = _follow(phi, p)
        new_blank = _follow(new_unit[:, :-1], self.log_probs[:, :, BLANK])
        return PrefixState(new_unit, new_blank, state.score[rows] + gained, units)


def _follow(entering: Tensor, log_p: Tensor) -> Tensor:
    """r[t] = p[t] (r[t - 1] + entering[t - 1]) in logs, r[0] = 0: (N, S), (N, S) -> (N, S + 1)."""
    cumulated = log_p.cumsum(dim=1)
    r = cumulated + torch.logcumsumexp(entering - (cumulated - log_p), dim=1)
    return torch.cat([torch.full_like(r[:, :1], NEVER), r.clamp(min=NEVER)], dim=1)
