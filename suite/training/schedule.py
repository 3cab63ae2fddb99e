"""Schedules of the learning rate: a factor of the optimiser's rate, as a function of the progress of training."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from suite.errors import UserError


class Schedule:
    """rate(step) = rate of the optimiser * factor(step / number of steps).

    A subclass writes ``after``, the factor after the warm-up.

    Args:
        warmup: fraction of training, in [0, 1), in which the factor first rises linearly from 0 to 1.

    Raises:
        UserError: if ``warmup`` is not in [0, 1).
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if not 0.0 <= warmup < 1.0:
            raise UserError(f"schedule.warmup must be in [0, 1), got {warmup}")
        self.warmup = warmup

    def __call__(self, done: float) -> float:
        """Return the factor after the fraction ``done`` of training, in [0, 1]."""
        if done < self.warmup:
            return done / self.warmup
        return self.after((min(done, 1.0) - self.warmup) / (1.0 - self.warmup))

    def after(self, done: float) -> float:
        """Return the factor after the fraction ``done`` of the steps that follow the warm-up."""
        raise NotImplementedError

    def attach(self, optimizer: Optimizer, steps: float) -> Any:
        """Return optimiser and schedule for Lightning; ``steps`` is the number of optimiser steps of training.

        Raises UserError if that is not known.
        """
        if not 0 < steps < math.inf:  # Lightning passes -1 if a loader has no length
            raise UserError("a schedule needs to know when training ends; set trainer.max_epochs, or schedule=constant")
        scheduler = LambdaLR(optimizer, lambda step: self(step / steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class LinearSchedule(Schedule):
    """factor = 1 - done: falls to 0 at the last step."""

    def after(self, done: float) -> float:
        return 1.0 - done


class CosineSchedule(Schedule):
    """factor = (1 + cos(pi done)) / 2   (Loshchilov & Hutter 2017, eq. 5, one cycle)."""

    def after(self, done: float) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * done))


class InverseSquareRootSchedule(Schedule):
    """factor = sqrt(warmup / t), t from warmup to 1 (Vaswani et al. 2017, section 5.3, with a peak of 1)."""

    def after(self, done: float) -> float:
        warmup = max(self.warmup, 1e-3)
        return math.sqrt(warmup / (warmup + done * (1.0 - warmup)))
