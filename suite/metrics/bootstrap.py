"""Confidence intervals of means, by bootstrap over samples or over groups of samples."""

# N samples, G groups, R resamples

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LARGE = 20_000  # groups; from here on the normal approximation equals the bootstrap to within its own noise


class Interval(NamedTuple):
    """An estimate with the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``values`` with a percentile bootstrap interval (Efron & Tibshirani 1993, section 13.3).

    The resamples draw whole groups with replacement, so that samples of one group, such as scans of one patient, count
    as dependent. The mean of a resample is the sum of its values over the number of its samples. With 20,000 groups
    or more, the interval is mean +- z s / sqrt(G) with the linearised variance of this ratio.

    Args:
        values: (N,).
        groups: (N,) of any type; None makes each sample its own group.
        level: probability that the interval covers the true mean.
        resamples: number of resamples.
        seed: of the draws; the same values and seed give the same interval.

    A single group has no interval: both bounds are NaN.

    >>> mean_interval(np.array([1.0, 0.0, 1.0, 1.0]), np.array(["a", "a", "b", "b"]))
    Interval(mean=0.75, low=0.5, high=1.0)
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    sums, counts = _per_group(values, groups)
    mean = float(values.mean())
    if len(sums) == 1:
        return Interval(mean, float("nan"), float("nan"))
    if len(sums) >= LARGE:
        deviation = np.sqrt(((sums - mean * counts) ** 2).sum()) / counts.sum()
        half = float(NormalDist().inv_cdf((1 + level) / 2) * deviation)
        return Interval(mean, mean - half, mean + half)
    means = _resampled_means(sums, counts, resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def paired_difference(
    ours: np.ndarray, others: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95, seed: int = 0
) -> Interval:
    """Return the mean of ``ours - others``, (N,) each, of the same samples in the same order, with its interval."""
    if len(ours) != len(others):
        raise ValueError(f"a paired difference needs the same samples, got {len(ours)} and {len(others)}")
    return mean_interval(np.asarray(ours, np.float64) - np.asarray(others, np.float64), groups, level, seed=seed)


def _per_group(values: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each group, (G,) each."""
    if groups is None:
        return values, np.ones(len(values))
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(group, weights=values), np.bincount(group).astype(np.float64)


def _resampled_means(sums: np.ndarray, counts: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means of the resamples, (R,), drawn in blocks of bounded memory."""
    random = np.random.default_rng(seed)
    block = max(1, 4_000_000 // len(sums))
    means = []
    for start in range(0, resamples, block):
        drawn = random.integers(len(sums), size=(min(block, resamples - start), len(sums)))
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    return np.concatenate(means)
