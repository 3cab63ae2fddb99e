"""CTC forced alignment: the positions of each unit of a known text."""

# S positions, V number of units, U units

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.speech.search.prefix import LOG_ZERO
from tasks.speech.units import BLANK


class UnitSpan(NamedTuple):
    """Positions ``start`` to ``end`` (exclusive) of one unit, and the mean probability of the unit there."""

    start: int
    end: int
    probability: float


def num_positions_needed(units: Sequence[int]) -> int:
    """Return the smallest number of positions in which CTC can emit a text.

    Every unit needs one position, and equal neighbors need a blank between them.

    >>> num_positions_needed([3, 4, 4])
    4
    """
    return len(units) + sum(a == b for a, b in pairwise(units))


def align(log_probs: Tensor, units: Sequence[int]) -> list[UnitSpan]:
    """Return the spans of the units on the most probable CTC path (Viterbi; Graves et al. 2006, figure 3).

    A path visits the states blank, unit, blank, unit, ..., blank. It stays in a state, goes to the next state, or skips
    a blank between two different units. The result is empty for an empty text and where there are fewer positions than
    ``num_positions_needed``.

    Shape: log_probs (S, V).
    """
    if not units or num_positions_needed(units) > len(log_probs):
        return []
    states = torch.full((2 * len(units) + 1,), BLANK)
    states[1::2] = torch.tensor(units)
    scores = log_probs[:, states]  # (S, states)
    best, moves = _viterbi(scores, _can_skip_blank(states))
    state = len(states) - 1 if best[-1] >= best[-2] else len(states) - 2
    path = [0] * len(scores)
    for position in range(len(scores) - 1, -1, -1):
        path[position] = state
        state -= int(moves[position, state])
    return [_span(path, 2 * place + 1, scores) for place in range(len(units))]


def _can_skip_blank(states: Tensor) -> Tensor:
    """Whether each state may follow the unit two states before it."""
    skips = torch.zeros(len(states), dtype=torch.bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    return skips


def _viterbi(scores: Tensor, skips: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best score of a path that ends in each state, and by how many states each position moved on."""
    best = torch.full_like(scores[0], LOG_ZERO)
    best[:2] = scores[0, :2]
    moves = torch.zeros(scores.shape, dtype=torch.int64)
    for position in range(1, len(scores)):
        stay, step, skip = best, _shifted(best, 1), _shifted(best, 2).masked_fill(~skips, LOG_ZERO)
        best, moves[position] = torch.stack([stay, step, skip]).max(dim=0)
        best = best + scores[position]
    return best, moves


def _shifted(scores: Tensor, by: int) -> Tensor:
    return torch.cat([scores.new_full((by,), LOG_ZERO), scores])[: len(scores)]


def _span(path: Sequence[int], state: int, scores: Tensor) -> UnitSpan:
    positions = [position for position, visited in enumerate(path) if visited == state]
    return UnitSpan(positions[0], positions[-1] + 1, float(scores[positions, state].exp().mean()))
