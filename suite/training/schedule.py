"""How the learning rate changes: a factor of the optimiser's rate, by the part of training that is done."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from suite.errors import UserError


class Schedule:
    """rate(step) = rate of the optimiser * factor(step / number of steps).

    ``warmup`` is the part of training over which the factor first rises linearly from nothing.
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if not 0.0 <= warmup < 1.0:
            raise ValueError(f"warmup is a part of training, in [0, 1), got {warmup}")
        self.warmup = warmup

    def __call__(self, done: float) -> float:
        """The factor where ``done`` of training, in [0, 1], lies behind."""
        if done < self.warmup:
            return done / self.warmup
        return self.after((min(done, 1.0) - self.warmup) / (1.0 - self.warmup))

    def after(self, done: float) -> float:
        """The factor where ``done`` of what follows the warm-up lies behind."""
        raise NotImplementedError

    def attach(self, optimizer: Optimizer, steps: float) -> Any:
        """What Lightning takes as optimiser and schedule; ``steps`` is the length of training."""
        if not 0 < steps < math.inf:  # Lightning tells -1 where a loader has no length
            raise UserError("A schedule needs to know when training ends. Set trainer.max_epochs, or schedule=constant")
        scheduler = LambdaLR(optimizer, lambda step: self(step / steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class LinearSchedule(Schedule):
    """factor = 1 - done: down to nothing at the last step."""

    def after(self, done: float) -> float:  # noqa: D102
        return 1.0 - done


class CosineSchedule(Schedule):
    """factor = (1 + cos(pi done)) / 2   (Loshchilov & Hutter 2017, eq. 5, one cycle)."""

    def after(self, done: float) -> float:  # noqa: D102
        return 0.5 * (1.0 + math.cos(math.pi * done))


class InverseSquareRootSchedule(Schedule):
    """factor = sqrt(warmup / t), t from warmup to 1: Vaswani et al. 2017, section 5.3, with its peak at the rate."""

    def after(self, done: float) -> float:  # noqa: D102
        warmup = max(self.warmup, 1e-3)
        return math.sqrt(warmup / (warmup + done * (1.0 - warmup)))
