"""Writes checkpoints from which a run resumes with the same bits as one that was not interrupted."""

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from suite.data.process_share import ProcessRank
from suite.training.callbacks.guards import weights_hash
from suite.training.callbacks.selection import Selection
from suite.training.callbacks.signals import Interrupted, StopSignals
from suite.training.processes import sharded_weights
from suite.training.state import checkpoint_file, randomness
from suite.training.state.checkpoint_file import save


class VerifiedCheckpointIO(TorchCheckpointIO):
    """Reads and writes checkpoints in the format of this suite, with a check of every byte.

    Args:
        saved: path and content of a checkpoint that was read and checked before, so that it is not read again.
    """

    def __init__(self, saved: tuple[Path, dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.saved = saved

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the content of a checkpoint. Raises UserError for a damaged file."""
        return self.saved[1] if self.saved and Path(path) == self.saved[0] else checkpoint_file.load(Path(path))

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint completely, or leave the file as it was."""
        save(Path(path), checkpoint)


class Checkpoints(Checkpoint):
    """Writes ``last.ckpt`` (and keeps the one before as ``previous.ckpt``) and ``best.ckpt``.

    A checkpoint is written at the end of a batch or epoch when ``every_seconds`` or ``every_steps`` have passed since
    the last one, when a signal asks to stop, and when training ends. Seconds are the default, since a step on a small
    graph takes less time than a write. Lightning calls the hooks of a ``Checkpoint`` callback after those of all other
    callbacks; its ``on_train_epoch_end`` also follows that of the module.

    Args:
        folder: where the checkpoints are written.
        signals: its ``number`` ends the run, after a checkpoint, with ``Interrupted``.
        seed: of the run.
        every_seconds: wall time between checkpoints; None counts steps only.
        every_steps: optimiser steps between checkpoints; None counts seconds only.
    """

    def __init__(
        self,
        folder: Path,
        signals: StopSignals,
        seed: int,
        every_seconds: float | None,
        every_steps: int | None,
    ) -> None:
        self.folder, self.signals, self.seed = folder, signals, seed
        self.every_seconds, self.every_steps = every_seconds, every_steps
        self._last_time, self._last_step = time.monotonic(), 0
        self._best_written = 0
        self._processes: list[dict[str, Any]] | None = None
        self._weights: dict[str, Any] | None = None

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Hold the state of each process until the first batch, because setting up draws random numbers too."""
        self._processes, self._weights = checkpoint["processes"], checkpoint["state_dict"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove temporary files of a killed run; seed each process but the first with its rank."""
        if trainer.is_global_zero:
            checkpoint_file.sweep(self.folder)
        if trainer.world_size > 1:
            randomness.seed(self.seed, ProcessRank.current().rank)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to count; restore the weights, which a module may have initialised since they were loaded."""
        self._last_time, self._last_step = time.monotonic(), trainer.global_step
        if self._weights is not None:
            sharded_weights.load_full_state(pl_module, self._weights)
            self._weights = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore the random number generators of the saved run, and what its module had collected in the epoch."""
        if self._processes is not None:
            rank = ProcessRank.current().rank
            if rank < len(self._processes):  # further processes than the saved run had start from their seed
                randomness.restore(self._processes[rank]["random"])
                pl_module.resume(self._processes[rank]["module"])  # type: ignore[operator]
            self._processes = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within an epoch; after its last batch ``on_train_epoch_end`` saves."""
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        if not trainer.fit_loop.epoch_loop._num_ready_batches_reached():
            self._save_if_due(trainer, progress.processed)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after validation."""
        self._save_if_due(trainer, 0)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of training."""
        self._write(trainer, 0)

    def _save_if_due(self, trainer: pl.Trainer, batches: int) -> None:
        due, number = self._due(trainer.global_step), self.signals.number or 0
        if trainer.world_size > 1:  # clocks and signals differ between processes, and all must act alike
            decision = torch.tensor([int(due), number], device=trainer.strategy.root_device)
            dist.all_reduce(decision, dist.ReduceOp.MAX)
            due, number = bool(decision[0]), int(decision[1])
        if due or number:
            self._write(trainer, batches)
        if number:
            raise Interrupted(number)

    def _due(self, step: int) -> bool:
        late = self.every_seconds is not None and time.monotonic() - self._last_time >= self.every_seconds
        return late or (self.every_steps is not None and step - self._last_step >= self.every_steps)

    def _write(self, trainer: pl.Trainer, batches: int) -> None:
        """Gather the state of all processes; write it in the first."""
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
        module: Any = trainer.lightning_module
        own = {"random": randomness.capture(), "module": module.unfinished(), "weights": weights_hash(module)}
        state["processes"] = _of_all(own)
        epochs: Any = trainer.fit_loop.epoch_progress.current
        state["position"] = {"epoch": epochs.processed, "batches": batches}
        if not batches:
            _between_epochs(state["loops"]["fit_loop"])
        self._last_time, self._last_step = time.monotonic(), trainer.global_step
        if not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            logger.save()  # a resumed run continues after the rows of this step
        self._write_best(trainer, state)
        last, previous = self.folder / checkpoint_file.LAST, self.folder / checkpoint_file.PREVIOUS
        checkpoint_file.save(last, state, previous)

    def _write_best(self, trainer: pl.Trainer, state: dict[str, Any]) -> None:
        selection = next((found for found in trainer.callbacks if isinstance(found, Selection)), None)  # type: ignore[attr-defined]
        if selection is None or selection.best_state is None or selection.best_round == self._best_written:
            return
        keys = (*checkpoint_file.IDENTITY, checkpoint_file.SAMPLES)
        identity = {key: state[key] for key in keys if key in state}
        best = {**identity, "state_dict": selection.best_state, "metrics": selection.best_metrics}
        checkpoint_file.save(self.folder / checkpoint_file.BEST, best)
        self._best_written = selection.best_round


def _of_all(mine: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the states of all processes, by rank."""
    world = ProcessRank.current().world
    states: list[Any] = [mine] * world
    if world > 1:
        dist.all_gather_object(states, mine)
    return states


def _between_epochs(loop: dict[str, Any]) -> None:
    """Set Lightning's counters to the end of an epoch: it is complete, and no batch of the next one was processed.

    In a hook at the end of an epoch the counters are one step before that. From there Lightning resumes in one of
    several ways, some of which skip validation or count a batch twice.
    """
    for count in ("total", "current"):
        loop["epoch_progress"][count]["completed"] = loop["epoch_progress"][count]["processed"]
    batches = loop["epoch_loop.batch_progress"]
    batches["current"] = dict.fromkeys(batches["current"], 0)
    batches["is_last_batch"] = False
