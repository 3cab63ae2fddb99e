"""All CTC paths of short utterances, for comparison."""

import itertools
import math

import torch

from tasks.speech.units import BLANK


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(unit for unit, _ in itertools.groupby(path) if unit != BLANK)


def texts_of_all_paths(log_probs: torch.Tensor) -> dict[tuple[int, ...], float]:
    """Return the probability of every text, summed over its paths."""
    length, num_units = log_probs.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(num_units), repeat=length):
        p = math.exp(sum(float(log_probs[t, unit]) for t, unit in enumerate(path)))
        totals[collapse(path)] = totals.get(collapse(path), 0.0) + p
    return totals
