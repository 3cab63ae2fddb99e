"""A few steps of real training that leave nothing behind."""

from contextlib import closing
from typing import Any

import lightning.pytorch as pl

from suite.training.batches.order import EpochOrder
from suite.training.build import build_trainer
from suite.training.callbacks.signals import Interrupted, StopSignals
from suite.training.run.process import prepare


class Watch(pl.Callback):
    """Looks on, and heeds a signal at the end of a batch."""

    signals: StopSignals

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise Interrupted where Ctrl-C or SIGTERM came."""
        if self.signals.number is not None:
            raise Interrupted(self.signals.number)


def train(config: dict[str, Any], steps: int, watch: Watch, prepared: tuple[Any, Any] | None = None) -> None:
    """Train the module of ``config`` on its batches for ``steps`` optimiser steps, on one device.

    Gradients are clipped and accumulated and numbers rounded as in a run; there is no schedule, no validation at the
    end of an epoch, no checkpoint and no directory. ``prepared`` holds data and module where they are built already.
    """
    data, module = prepared or prepare(config)
    module.schedule = None
    module.on_train_epoch_end = lambda: None  # tasks validate there, which can take longer than all these steps
    trainer = build_trainer({**config, "trainer": {**config["trainer"], "max_epochs": -1, "max_steps": steps}})
    with StopSignals() as signals:
        watch.signals = signals
        trainer.callbacks += [signals, watch]  # type: ignore[attr-defined]
        order = EpochOrder(trainer, config["seed"], 0, config.get("prefetch", 0), config.get("resident", False))
        with closing(order), data.distributed(order):
            trainer.fit(module, datamodule=data)
