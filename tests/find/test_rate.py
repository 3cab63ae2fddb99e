"""The learning-rate range test against slow loops."""

import math

import pytest

from suite.config.compose import compose
from suite.errors import UserError
from suite.find import rate
from suite.find.rate import Point, RangeTest, suggest
from tests.cli.conftest import Attn, attn  # noqa: F401  # a fixture
from tests.training.forked import TASKS


def test_the_smoothed_loss_is_that_of_a_slow_loop_and_ends_the_test() -> None:
    losses = [2.0, 1.9, 2.1, 1.0, 0.5, 0.7, 9.0, 30.0, 80.0, 90.0]
    test = RangeTest(1e-3, 1.0, 10)
    for number, loss in enumerate(losses):
        test.add(1e-3 * 1000 ** (number / 9), loss)
        weights = [0.9 ** (number - before) for before in range(number + 1)]  # the newest weighs 1
        mean = sum(w * x for w, x in zip(weights, losses, strict=False)) / sum(weights)
        assert test.points[-1].smoothed == pytest.approx(mean)
        assert test.over == (mean > 4 * min(point.smoothed for point in test.points))
    assert test.over
    test.add(2.0, math.inf)
    assert test.over


def points(smoothed: list[float]) -> list[Point]:
    return [Point(n + 1, 1e-6 * 10 ** (n / 3), 0.0, value) for n, value in enumerate(smoothed)]


def test_the_suggestion_is_the_steepest_point_of_a_slow_loop() -> None:
    found = points([5.0, 3.0, 3.0, 3.1, 2.9, 2.5, 1.6, 1.2, 1.1, 1.3, 4.0, 0.0 + math.inf])
    slopes = {}
    for place in range(1, 9):  # behind the first tenth, and up to the lowest
        before, after = found[max(place - 1, 1)], found[place + 1]
        slopes[place] = (after.smoothed - before.smoothed) / (math.log(after.rate) - math.log(before.rate))
    assert suggest(found) == found[min(slopes, key=lambda place: slopes[place])].rate == found[6].rate
    with pytest.raises(UserError, match="the loss never decreased over 9 steps"):
        suggest(points([1.0, 1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0]))


def test_rates_rise_exponentially_and_the_module_is_trained_by_them() -> None:
    config = compose([*TASKS["documents"], "trainer.gradient_clip_val=1.0"])
    found = rate.curve(config, 1e-4, 1e-1, 13)
    assert [point.rate for point in found] == pytest.approx([1e-4 * 1000 ** (n / 12) for n in range(13)])
    again = rate.curve(config, 1e-4, 1e-1, 13)
    assert found == again, "the seed decides"
    slower = rate.curve(config, 1e-9, 1e-8, 13)
    assert slower[0].loss == found[0].loss, "the first loss is that of the fresh module"
    assert slower[-1].loss != found[-1].loss
