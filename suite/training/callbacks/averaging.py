"""Weights averaged over the steps of training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from suite.errors import UserError
from suite.training.processes import sharded_weights


class WeightAveraging(pl.Callback):
    """An exponential moving average of the network's weights (Polyak & Juditsky 1992).

    average = d average + (1 - d) weights after each optimiser step, with d = min(decay, (1 + step) / (10 + step)),
    which is smaller in the first steps. Validation evaluates the average, and selection saves it; training continues
    with the weights themselves. A checkpoint contains both.

    Args:
        decay: d, in (0, 1).

    Raises:
        UserError: if ``decay`` is not in (0, 1).
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0.0 < decay < 1.0:
            raise UserError(f"decay of averaged weights must be in (0, 1), got {decay}")
        self.decay, self.steps = decay, 0
        self.average: dict[str, Tensor] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shard the average of a resumed run as the weights are sharded."""
        if self.average is not None:
            weights = dict(_net(pl_module).named_parameters())
            self.average = {name: sharded_weights.shard_like(weights[name], one) for name, one in self.average.items()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the average, if the batch ended with an optimiser step."""
        self.update(_net(pl_module), trainer.global_step)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Update the average with the weights after ``step`` steps; the first weights are the average."""
        if step == self.steps:  # gradients are being accumulated
            return
        self.steps = step
        weights = {name: parameter.detach() for name, parameter in net.named_parameters()}
        if self.average is None:
            self.average = {name: weight.clone() for name, weight in weights.items()}
            return
        average = [sharded_weights.local(self.average[name]) for name in weights]
        latest = [sharded_weights.local(weight) for weight in weights.values()]
        get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))(average, latest, step)

    @contextmanager
    def measuring(self, module: pl.LightningModule) -> Iterator[None]:
        """Replace the weights by their average inside the context."""
        if self.average is None:
            yield
            return
        current = {name: parameter.detach().clone() for name, parameter in _net(module).named_parameters()}
        self._load(_net(module), self.average)
        try:
            yield
        finally:
            self._load(_net(module), current)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Load the average; a selection loads the best weights after that."""
        if self.average is not None:
            self._load(_net(pl_module), self.average)

    def state_dict(self) -> dict[str, Any]:
        """Return the average, with full weights, and the number of steps."""
        average = self.average and {name: sharded_weights.unshard(one) for name, one in self.average.items()}
        return {"average": average, "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the average and the number of steps."""
        self.average, self.steps = state_dict["average"], state_dict["steps"]

    @torch.no_grad()
    def _load(self, net: nn.Module, weights: dict[str, Tensor]) -> None:
        for name, parameter in net.named_parameters():
            parameter.copy_(weights[name])


def _net(module: pl.LightningModule) -> nn.Module:
    net: nn.Module = module.net  # type: ignore[assignment]
    return net
