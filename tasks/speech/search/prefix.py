"""CTC prefix scores: the probability of all texts that start with given units."""

# N hypotheses, S positions, V number of units, C candidates

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.speech.units import BLANK, EOS

LOG_ZERO = -1e30  # log 0 in sums, where -inf would give NaN


class PrefixState(NamedTuple):
    """The forward variables of N hypotheses.

    For a hypothesis g, ``ends_in_unit`` and ``ends_in_blank`` (N, S + 1) are log r_n[t] and log r_b[t]: positions up to
    t emit g and end in its last unit, or in a blank; t = 0 is before the first position. ``score`` (N,) is the
    log-probability of the prefix g, ``last`` (N,) its last unit.
    """

    ends_in_unit: Tensor
    ends_in_blank: Tensor
    score: Tensor
    last: Tensor


class PrefixScorer:
    """log P(text starts with g u) - log P(text starts with g) for a hypothesis g and candidate units u.

    phi[t] = r_b[t] + (r_n[t] unless u repeats g's last unit);   P(g u ...) = sum over t of phi[t - 1] p_u[t]
    r_n'[t] = p_u[t] (r_n'[t - 1] + phi[t - 1]);   r_b'[t] = p_blank[t] (r_b'[t - 1] + r_n'[t - 1]);
    P(g ends) = r_n[S] + r_b[S]   (Watanabe et al. 2017, algorithm 2; Graves 2008)

    Both recursions are linear, so they have a closed form without a loop over positions: with P[t] the cumulative sum
    of log p, r'[t] = P[t] + logcumsumexp(x[t - 1] - P[t - 1]). The forward variables are computed only for the units
    that the search selects. Sums are in float64.

    Args:
        log_probs: CTC log-probabilities (N, S, V).
        lengths: number of positions of each hypothesis's utterance (N,).
    """

    def __init__(self, log_probs: Tensor, lengths: Tensor) -> None:
        self.log_probs = log_probs.double()
        self.lengths = lengths
        self.outside = torch.arange(log_probs.shape[1], device=log_probs.device) >= lengths[:, None]

    def start(self) -> PrefixState:
        """Return the state of empty hypotheses."""
        blank = self.log_probs[:, :, BLANK].cumsum(dim=1)
        before = blank.new_zeros(len(blank), 1)
        never = torch.full((len(blank), blank.shape[1] + 1), LOG_ZERO, dtype=blank.dtype, device=blank.device)
        last = torch.full_like(self.lengths, EOS)
        return PrefixState(never, torch.cat([before, blank], dim=1), before[:, 0], last)

    def score(self, state: PrefixState, candidates: Tensor) -> Tensor:
        """Return the change of the log-probability by each candidate (N, C): -> (N, C) float64, at most 0."""
        either = torch.logaddexp(state.ends_in_unit, state.ends_in_blank)
        repeated = (candidates == state.last[:, None])[:, :, None]
        phi = torch.where(repeated, state.ends_in_blank[:, None, :-1], either[:, None, :-1])  # (N, C, S)
        p = self.log_probs.gather(2, candidates[:, None].expand(-1, self.log_probs.shape[1], -1)).transpose(1, 2)
        begun = (phi + p).masked_fill(self.outside[:, None], LOG_ZERO).logsumexp(dim=2)
        ended = either.gather(1, self.lengths[:, None])
        return torch.where(candidates == EOS, ended, begun) - state.score[:, None]

    def advance(self, state: PrefixState, rows: Tensor, units: Tensor, gained: Tensor) -> PrefixState:
        """Append one unit (N,) to each of the hypotheses ``rows`` (N,); ``gained`` (N,) is its ``score``.

        Row n of the result belongs to the same utterance as hypothesis ``rows[n]``.
        """
        unit, blank = state.ends_in_unit[rows], state.ends_in_blank[rows]
        repeated = (units == state.last[rows])[:, None]
        phi = torch.where(repeated, blank, torch.logaddexp(unit, blank))[:, :-1]
        p = self.log_probs.gather(2, units[:, None, None].expand(-1, self.log_probs.shape[1], 1))[:, :, 0]
        new_unit = _recursion(phi, p)
        new_blank = _recursion(new_unit[:, :-1], self.log_probs[:, :, BLANK])
        return PrefixState(new_unit, new_blank, state.score[rows] + gained, units)


def _recursion(entering: Tensor, log_p: Tensor) -> Tensor:
    """r[t] = p[t] (r[t - 1] + entering[t - 1]) in logs, with r[0] = 0: (N, S), (N, S) -> (N, S + 1)."""
    cumulated = log_p.cumsum(dim=1)
    r = cumulated + torch.logcumsumexp(entering - (cumulated - log_p), dim=1)
    return torch.cat([torch.full_like(r[:, :1], LOG_ZERO), r.clamp(min=LOG_ZERO)], dim=1)
