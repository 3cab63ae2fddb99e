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

BETA = 0.9  # of the smoothed loss: about the last ten steps
WORSE = 4.0  # times the best smoothed loss end the test


class Point(NamedTuple):
    """One step: its rate, the loss of its batch before it, and the smoothed loss."""

    step: int
    rate: float
    loss: float
    smoothed: float


class RangeTest(pl.Callback):
    """Raises the rate exponentially from ``low`` to ``high`` over ``steps`` optimiser steps, and keeps the losses.

    rate_k = low (high / low)^(k / (steps - 1)). The loss is smoothed as v_k = b v_{k-1} + (1 - b) loss_k, divided by
    1 - b^k, which takes out that v begins at zero. The test ends before its last step where the smoothed loss is over
    four times the best, or no number.
    """

    def __init__(self, low: float, high: float, steps: int) -> None:
        if not 0.0 < low < high:
            raise UserError(f"lr_min={low} and lr_max={high} must be above 0, lr_min the smaller one")
        if steps < 10:
            raise UserError(f"steps={steps} is too few for a curve; take at least 10, 100 as a rule")
        self.low, self.high, self.steps = low, high, steps
        self.points: list[Point] = []
        self._losses: list[Tensor] = []
        self._average = 0.0
        self._shares: list[float] = []

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Remember the loss; several parts of it, where gradients are accumulated."""
        self._losses.append(loss.detach())

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Take the step with the next rate; groups of parameters keep their ratios."""
        groups = optimizer.param_groups
        self._shares = self._shares or [group["lr"] / groups[0]["lr"] for group in groups]
        rate = self.low * (self.high / self.low) ** (len(self.points) / (self.steps - 1))
        for group, share in zip(groups, self._shares, strict=True):
            group["lr"] = rate * share
        self.add(rate, float(torch.stack(self._losses).float().sum()))
        self._losses = []
        trainer.should_stop = self.over

    def add(self, rate: float, loss: float) -> None:
        """Take in one step."""
        number = len(self.points) + 1
        self._average = BETA * self._average + (1.0 - BETA) * loss
        self.points.append(Point(number, rate, loss, self._average / (1.0 - BETA**number)))

    @property
    def over(self) -> bool:
        """Whether a higher rate tells nothing more."""
        last = self.points[-1].smoothed
        return not math.isfinite(last) or last > WORSE * min(point.smoothed for point in self.points)


def suggest(points: Sequence[Point]) -> float:
    """The rate where the smoothed loss falls fastest, by the logarithm of the rate, up to where it is lowest.

    Slopes are central differences, one-sided at the first and last step. The first tenth of the steps is left out: the
    smoothed loss is there that of a few batches, and differs as they do. Raises UserError where the loss never falls.
    """
    known = [point for point in points if math.isfinite(point.smoothed)][len(points) // 10 :]
    if len(known) > 1:
        smoothed = np.array([point.smoothed for point in known])
        slopes = np.gradient(smoothed, np.log([point.rate for point in known]))[: smoothed.argmin() + 1]
        if slopes.min() < 0.0:
            return known[int(slopes.argmin())].rate
    raise UserError(
        f"the loss never fell over {len(points)} steps from the smallest rate on; take a smaller lr_min, or more steps"
    )


def curve(config: dict[str, Any], low: float = 1e-6, high: float = 1.0, steps: int = 100) -> list[Point]:
    """The losses of a fresh module under rising rates."""
    test = RangeTest(low, high, steps)
    train(config, steps, test)
    return test.points
