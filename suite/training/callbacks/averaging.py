"""Weights averaged over the steps of training: measured and kept in place of the last step's."""

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

    average = d average + (1 - d) weights after every optimiser step, with d = min(decay, (1 + step) / (10 + step)),
    which follows closely at first. Validation measures the average and selection keeps it; training goes on with the
    weights themselves, and a resumed run with both.

    Args:
        decay: d, in (0, 1).
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0.0 < decay < 1.0:
            raise UserError(f"the decay of averaged weights must be in (0, 1), got {decay}")
        self.decay, self.steps = decay, 0
        self.average: dict[str, Tensor] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Cut what a resumed run had as the weights are."""
        if self.average is not None:
            weights = dict(_net(pl_module).named_parameters())
            self.average = {name: sharded_weights.shard_like(weights[name], one) for name, one in self.average.items()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take in the weights, where the batch ended with a step."""
        self.update(_net(pl_module), trainer.global_step)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` steps; the first time they are the average."""
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
        """The average in place of the weights, while they are measured and reported."""
        if self.average is None:
            yield
            return
        own = {name: parameter.detach().clone() for name, parameter in _net(module).named_parameters()}
        self._load(_net(module), self.average)
        try:
            yield
        finally:
            self._load(_net(module), own)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End with the average, where no selection goes back to the best."""
        if self.average is not None:
            self._load(_net(pl_module), self.average)

    def state_dict(self) -> dict[str, Any]:
        """For a run that goes on."""
        average = self.average and {name: sharded_weights.unshard(one) for name, one in self.average.items()}
        return {"average": average, "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with it."""
        self.average, self.steps = state_dict["average"], state_dict["steps"]

    @torch.no_grad()
    def _load(self, net: nn.Module, weights: dict[str, Tensor]) -> None:
        for name, parameter in net.named_parameters():
            parameter.copy_(weights[name])


def _net(module: pl.LightningModule) -> nn.Module:
    net: nn.Module = module.net  # type: ignore[assignment]
    return net
