"""A few steps of real training that write no files."""

from contextlib import closing
from typing import Any

import lightning.pytorch as pl

from suite.training.batches.order import EpochOrder
from suite.training.build import build_trainer
from suite.training.callbacks.signals import Interrupted, StopSignals
from suite.training.config import RunConfig
from suite.training.run.process import prepare


class StopOnSignal(pl.Callback):
    """Raises Interrupted at the end of a batch if a signal arrived.

    Args:
        signals: that are caught.
    """

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise Interrupted after Ctrl-C or SIGTERM."""
        if self.signals.number is not None:
            raise Interrupted(self.signals.number)


def prepare_short(config: dict[str, Any]) -> tuple[Any, Any]:
    """Return data and a new module of ``config``, without a schedule of the learning rate."""
    return prepare(RunConfig.parse({**config, "schedule": None}))


def train(config: dict[str, Any], steps: int, callback: pl.Callback, prepared: tuple[Any, Any] | None = None) -> None:
    """Train the module of ``config`` on its batches for ``steps`` optimiser steps, on one device.

    Clipping, accumulation and precision are those of a run. There is no schedule, no validation, no checkpoint and no
    directory.

    Args:
        config: resolved config of a run.
        steps: number of optimiser steps.
        callback: that observes training.
        prepared: what ``prepare_short(config)`` returned; None calls it.

    Raises:
        Interrupted: after Ctrl-C or SIGTERM.
    """
    settings = RunConfig.parse(config)
    data, module = prepared or prepare_short(config)
    with StopSignals() as signals:
        trainer = build_trainer(
            settings.trainer,
            callbacks=[signals, StopOnSignal(signals), callback],
            max_epochs=-1,
            max_steps=steps,
            limit_val_batches=0,
        )
        order = EpochOrder(trainer, settings.seed, 0, settings.prefetch, settings.resident)
        with closing(order), data.distributed(order):
            trainer.fit(module, datamodule=data)
