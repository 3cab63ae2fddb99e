"""Bootstrap intervals against the normal approximation and SciPy's bootstrap."""

import math

import numpy as np
import pytest
from scipy import stats

from suite.metrics.bootstrap import LARGE, Interval, mean_interval, paired_difference


def test_it_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).gamma(2.0, size=157)
    ours = mean_interval(values, resamples=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    # two independent estimates of a quantile: each has a standard error of sqrt(q (1 - q) / R) / density
    error = math.sqrt(0.025 * 0.975 / 20_000) / stats.norm.pdf(stats.norm.ppf(0.025)) * values.std() / math.sqrt(157)
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=6 * error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=6 * error)


def test_groups_widen_the_interval_of_dependent_samples() -> None:
    groups = np.repeat(np.arange(40), 25)
    values = np.random.default_rng(0).normal(size=40)[groups]
    alone, grouped = mean_interval(values), mean_interval(values, groups)
    assert (grouped.high - grouped.low) / (alone.high - alone.low) == pytest.approx(5.0, rel=0.2)  # sqrt(25)


def test_many_groups_use_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, size=LARGE)
    found = mean_interval(values)
    half = 1.959964 * values.std() / math.sqrt(LARGE)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-6)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        found = mean_interval(random.normal(size=60), resamples=400)
        covered += found.low <= 0 <= found.high
    assert covered >= 266  # 95 % of 300 is 285, and five standard deviations of that count are 19


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    random = np.random.default_rng(0)
    others = random.integers(0, 2, size=400).astype(float)
    ours = np.where(random.random(400) < 0.05, 1.0, others)
    found = paired_difference(ours, others)
    assert found.low > 0
    assert found.mean == pytest.approx(ours.mean() - others.mean())


def test_degenerate_inputs() -> None:
    assert all(math.isnan(number) for number in mean_interval(np.array([])))
    one = mean_interval(np.array([1.0, 0.0]), np.array(["p", "p"]))
    assert one.mean == 0.5
    assert math.isnan(one.low)
    assert mean_interval(np.ones(5)) == Interval(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="the same samples"):
        paired_difference(np.ones(2), np.ones(3))
