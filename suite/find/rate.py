"""The learning-rate range test (Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from suite.errors import UserError
from suite.find.short import train

BETA = 0.9  # smooths over about ten steps
WORSE = 4.0  # the test ends when the smoothed loss is this many times its minimum


class Point(NamedTuple):
    """One step: its number, its rate, the loss before it, and the smoothed loss."""

    step: int
    rate: float
    loss: float
    smoothed: float


class RangeTest(pl.Callback):
    """Increases the rate exponentially from ``low`` to ``high`` over ``steps`` optimiser steps and records the losses.

    rate_k = low (high / low)^(k / (steps - 1)). The smoothed loss is v_k / (1 - b^k) with v_k = b v_{k-1} +
    (1 - b) loss_k and v_0 = 0. The test ends early when the smoothed loss exceeds four times its minimum, or is NaN or
    Inf.

    Args:
        low: first rate.
        high: last rate.
        steps: number of steps, at least 10.

    Raises:
        UserError: for rates or a number of steps that are not valid.
    """

    def __init__(self, low: float, high: float, steps: int) -> None:
        if not 0.0 < low < high:
            raise UserError(f"lr_min must be above 0 and below lr_max, got lr_min={low} and lr_max={high}")
        if steps < 10:
            raise UserError(f"steps must be at least 10, got {steps}; 100 is usual")
        self.low, self.high, self.steps = low, high, steps
        self.points: list[Point] = []
        self._losses: list[Tensor] = []
        self._average = 0.0
        self._shares: list[float] = []

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Store the loss; there are several if gradients are accumulated."""
        self._losses.append(loss.detach())

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Set the next rate; the ratios between groups of parameters do not change."""
        groups = optimizer.param_groups
        self._shares = self._shares or [group["lr"] / groups[0]["lr"] for group in groups]
        rate = self.low * (self.high / self.low) ** (len(self.points) / (self.steps - 1))
        for group, share in zip(groups, self._shares, strict=True):
            group["lr"] = rate * share
        self.add(rate, float(torch.stack(self._losses).float().sum()))
        self._losses = []
        trainer.should_stop = self.over

    def add(self, rate: float, loss: float) -> None:
        """Record one step."""
        number = len(self.points) + 1
        self._average = BETA * self._average + (1.0 - BETA) * loss
        self.points.append(Point(number, rate, loss, self._average / (1.0 - BETA**number)))

    @property
    def over(self) -> bool:
        """Whether the loss has grown so much that the test ends."""
        last = self.points[-1].smoothed
        return not math.isfinite(last) or last > WORSE * min(point.smoothed for point in self.points)


def suggest(points: Sequence[Point]) -> float:
    """Return the rate at which the smoothed loss decreases fastest with the logarithm of the rate, before its minimum.

    Slopes are central differences, one-sided at the first and last step. The first tenth of the steps is left out,
    because there the smoothed loss averages only a few batches and is too noisy. Raises UserError if the loss never
    decreases.
    """
    known = [point for point in points if math.isfinite(point.smoothed)][len(points) // 10 :]
    if len(known) > 1:
        smoothed = np.array([point.smoothed for point in known])
        slopes = np.gradient(smoothed, np.log([point.rate for point in known]))[: smoothed.argmin() + 1]
        if slopes.min() < 0.0:
            return known[int(slopes.argmin())].rate
    raise UserError(f"the loss never decreased over {len(points)} steps; set a smaller lr_min, or more steps")


def curve(config: dict[str, Any], low: float = 1e-6, high: float = 1.0, steps: int = 100) -> list[Point]:
    """Return the losses of a new module under increasing rates."""
    test = RangeTest(low, high, steps)
    train(config, steps, test)
    return test.points
