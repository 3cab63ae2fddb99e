"""When each unit was said: the most probable way of CTC through an utterance, given its text."""

# S positions, V number of units, U units

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.speech.units import BLANK

NEVER = -1e30


class Span(NamedTuple):
    """Positions ``start`` to ``end`` (exclusive) of one unit, and the mean probability of the unit there."""

    start: int
    end: int
    probability: float


def align(log_probs: Tensor, units: Sequence[int]) -> list[Span]:
    """The spans of the units on the best path that CTC writes them by (Viterbi; Graves et al. 2006, figure 3).

    The path goes through blank, unit, blank, unit, ..., blank: from a state to itself, to the next, or over a blank
    between two different units. Where there are fewer positions than the path needs, nothing can be aligned: the result
    is empty, as for an empty text.

    Shape: log_probs (S, V).
    """
    needed = len(units) + sum(a == b for a, b in pairwise(units))
    if not units or needed > len(log_probs):
        return []
    states = torch.full((2 * len(units) + 1,), BLANK)
    states[1::2] = torch.tensor(units)
    skips = torch.zeros(len(states), dtype=torch.bool)  # whether a state is entered from the unit before its blank
    skips[3::2] = states[3::2] != states[1:-2:2]
    scores = log_probs[:, states]  # (S, states)
    best = torch.full_like(scores[0], NEVER)
    best[:2] = scores[0, :2]
    came = torch.zeros(scores.shape, dtype=torch.int64)
    for position in range(1, len(scores)):
        stay, step, skip = best, _shifted(best, 1), _shifted(best, 2).masked_fill(~skips, NEVER)
        best, came[position] = torch.stack([stay, step, skip]).max(dim=0)
        best = best + scores[position]
    state = len(states) - 1 if best[-1] >= best[-2] else len(states) - 2
    path = [0] * len(scores)
    for position in range(len(scores) - 1, -1, -1):
        path[position] = state
        state -= int(came[position, state])
    return [_span(path, 2 * place + 1, scores) for place in range(len(units))]


def _shifted(scores: Tensor, by: int) -> Tensor:
    return torch.cat([scores.new_full((by,), NEVER), scores])[: len(scores)]


def _span(path: Sequence[int], state: int, scores: Tensor) -> Span:
    places = [position for position, here in enumerate(path) if here == state]
    return Span(places[0], places[-1] + 1, float(scores[places, state].exp().mean()))
