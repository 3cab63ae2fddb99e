"""When a run is saved, and what is in it beside weights, so that a resumed run is the same run to the bit."""

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from suite.errors import UserError
from suite.training.batches.order import ProcessRank
from suite.training.callbacks.guards import weights_hash
from suite.training.callbacks.selection import Selection
from suite.training.callbacks.signals import Interrupted, StopSignals
from suite.training.processes import sharded_weights
from suite.training.state import checkpoint_file, randomness
from suite.training.state.checkpoint_file import save


class VerifiedCheckpointIO(TorchCheckpointIO):
    """Gives Lightning the checkpoint that was read and checked already, and lets it write none of its own."""

    def __init__(self, saved: tuple[Path, dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.saved = saved

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """What stands in the file, read with every byte checked."""
        return self.saved[1] if self.saved and Path(path) == self.saved[0] else checkpoint_file.load(Path(path))

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Written whole or not at all, as all ours."""
        save(Path(path), checkpoint)


class Checkpoints(Checkpoint):
    """Writes ``last.ckpt`` (the one before it stays as ``previous.ckpt``) and ``best.ckpt``.

    Saved at the end of a batch or an epoch once ``every_seconds`` or ``every_steps`` have passed, when a signal asks to
    stop, and when training ends. A step of a small graph is shorter than one write, hence the seconds. Lightning runs
    this class's ``on_train_epoch_end`` after the module's, which validates.

    Args:
        folder: of the checkpoints.
        signals: whose ``number`` ends the run, once saved, with ``Interrupted``.
        every_seconds: of wall time; None counts steps alone.
        every_steps: optimiser steps; None counts seconds alone.
    """

    def __init__(
        self, folder: Path, signals: StopSignals, every_seconds: float | None = 30.0, every_steps: int | None = None
    ) -> None:
        for name, value in (("every_seconds", every_seconds), ("every_steps", every_steps)):
            if value is not None and value < 0:
                raise UserError(f"checkpoints.{name}={value} must not be negative")
        self.folder, self.signals = folder, signals
        self.every_seconds, self.every_steps = every_seconds, every_steps
        self._last_time, self._last_step = time.monotonic(), 0
        self._best_written = 0
        self._processes: list[dict[str, Any]] | None = None
        self._weights: dict[str, Any] | None = None

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep what each process had until the first batch: setting up draws numbers too."""
        self._processes, self._weights = checkpoint["processes"], checkpoint["state_dict"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tidy up behind a killed run; let every process but the first draw numbers of its own."""
        if trainer.is_global_zero:
            checkpoint_file.sweep(self.folder)
        if trainer.world_size > 1:
            randomness.seed(int(pl_module.identity["config"]["seed"]), ProcessRank.current().rank)  # type: ignore[index]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from here, and stand behind the module's own hook, which Lightning calls after all callbacks'."""
        self._last_time, self._last_step = time.monotonic(), trainer.global_step
        if self._weights is not None:  # whatever a module set up since, weights from counts for example
            sharded_weights.load_full_state(pl_module, self._weights)
            self._weights = None
        own = pl_module.on_train_batch_end

        def own_then_save(*arguments: Any) -> None:
            own(*arguments)
            self._after_batch(trainer)

        pl_module.on_train_batch_end = own_then_save  # type: ignore[method-assign, assignment]

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Step back."""
        vars(pl_module).pop("on_train_batch_end", None)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Go on with the random numbers of the run that was saved, and what its module had counted."""
        if self._processes is not None:
            rank = ProcessRank.current().rank
            if rank < len(self._processes):  # more processes than before draw numbers of their own
                randomness.restore(self._processes[rank]["random"])
                pl_module.resume(self._processes[rank]["module"])  # type: ignore[operator]
            self._processes = None

    def _after_batch(self, trainer: pl.Trainer) -> None:
        """Save in the middle of an epoch; its last batch belongs to its end."""
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        if not trainer.fit_loop.epoch_loop._num_ready_batches_reached():
            self._visit(trainer, progress.processed)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what validation has seen."""
        self._visit(trainer, 0)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end."""
        self._write(trainer, 0)

    def _visit(self, trainer: pl.Trainer, batches: int) -> None:
        due, number = self._due(trainer.global_step), self.signals.number or 0
        if trainer.world_size > 1:  # a clock and a signal tell every process something else; all act alike
            told = torch.tensor([int(due), number], device=trainer.strategy.root_device)
            dist.all_reduce(told, dist.ReduceOp.MAX)
            due, number = bool(told[0]), int(told[1])
        if due or number:
            self._write(trainer, batches)
        if number:
            raise Interrupted(number)

    def _due(self, step: int) -> bool:
        late = self.every_seconds is not None and time.monotonic() - self._last_time >= self.every_seconds
        return late or (self.every_steps is not None and step - self._last_step >= self.every_steps)

    def _write(self, trainer: pl.Trainer, batches: int) -> None:
        """Gather the state on all processes, write it on the first."""
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
            logger.save()  # a resumed run goes on behind the rows of this step
        self._write_best(trainer, state)
        last, previous = self.folder / checkpoint_file.LAST, self.folder / checkpoint_file.PREVIOUS
        checkpoint_file.save(last, state, previous)

    def _write_best(self, trainer: pl.Trainer, state: dict[str, Any]) -> None:
        selection = next((found for found in trainer.callbacks if isinstance(found, Selection)), None)  # type: ignore[attr-defined]
        if selection is None or selection.best_state is None or selection.best_round == self._best_written:
            return
        kept = {key: state[key] for key in checkpoint_file.IDENTITY}
        best = {**kept, "state_dict": selection.best_state, "metrics": selection.best_metrics}
        checkpoint_file.save(self.folder / checkpoint_file.BEST, best)
        self._best_written = selection.best_round


def _of_all(mine: dict[str, Any]) -> list[dict[str, Any]]:
    """The states of all processes, by rank."""
    world = ProcessRank.current().world
    states: list[Any] = [mine] * world
    if world > 1:
        dist.all_gather_object(states, mine)
    return states


def _between_epochs(loop: dict[str, Any]) -> None:
    """Make Lightning's counters say what is so at an epoch's end: it is over, and no batch of the next was seen.

    Saved in a hook of the epoch's end they say "almost over", from where Lightning resumes in one of several ways, some
    of which leave out validation or count a batch twice.
    """
    for count in ("total", "current"):
        loop["epoch_progress"][count]["completed"] = loop["epoch_progress"][count]["processed"]
    batches = loop["epoch_loop.batch_progress"]
    batches["current"] = dict.fromkeys(batches["current"], 0)
    batches["is_last_batch"] = False
