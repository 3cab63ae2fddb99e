"""Watches that stop a run before it goes wrong in silence: numbers that are none, processes that disagree."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import Optimizer

from suite.data.process_share import ProcessRank, gather
from suite.errors import UserError
from suite.training.processes import sharded_weights
from suite.training.processes.fsdp import FSDP2Strategy
from suite.training.state import checkpoint_file

STOPPED = "before_failure.ckpt"


class StopOnNonFinite(pl.Callback):
    """Stops before the optimiser uses a loss or a gradient that is NaN or infinite.

    The weights are then those of the step before; they are written to ``before_failure.ckpt``. A step costs one norm
    of every gradient and one look at their sum.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._batch = 0
        self._losses: list[Tensor] = []
        self._parameters: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the parameters once: walking through the modules takes longer than the look itself."""
        self._parameters = list(pl_module.parameters())

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the batch."""
        self._batch = batch_idx

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Remember the loss; several, where gradients are accumulated."""
        self._losses.append(loss.detach())

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Look at losses and gradients together; only where something is wrong find out what."""
        losses, self._losses = self._losses, []
        gradients = [] if _scaled(trainer) else [p.grad for p in self._parameters if p.grad is not None]
        norms = torch._foreach_norm([_values(gradient) for gradient in gradients])
        total = torch.stack([loss.float() for loss in losses] + [norm.float() for norm in norms]).sum()
        cut = isinstance(trainer.strategy, FSDP2Strategy)
        if cut:  # a gradient is one process's, and all write what was before it
            dist.all_reduce(total)
        if bool(total.isfinite()):
            return
        wrong = [
            name
            for name, parameter in pl_module.named_parameters()
            if parameter.grad is not None and not bool(_values(parameter.grad).isfinite().all())
        ]
        told = [f"its loss is {float(loss)}" for loss in losses if not bool(loss.isfinite())]
        told += [f"the gradient of {wrong[0]} is not finite"] if wrong else []
        if cut:
            told = list(dict.fromkeys(one for found in gather([told]) for one in found))
        if told:  # else they are finite each, their sum is not
            self._stop(trainer, told)

    def _stop(self, trainer: pl.Trainer, told: list[str]) -> None:
        path = self.folder / STOPPED
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=True)
        if trainer.is_global_zero:
            checkpoint_file.save(path, state)
        process = f" of process {trainer.global_rank}" if trainer.world_size > 1 else ""
        raise UserError(
            f"training stopped at step {trainer.global_step + 1}, batch {self._batch}{process} in epoch "
            f"{trainer.current_epoch}: {' and '.join(told)}. The weights before it are in {path}. "
            "Try a smaller optim.lr or trainer.gradient_clip_val=1.0"
        )


class ProcessesAgree(pl.Callback):
    """Stops the run if a process has another config at the start, or other weights at the start or after an epoch.

    An edited file on one node, for example, would otherwise train different models without an error.

    Args:
        config: of this process.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Compare weights before they are sharded; a shard of each process's own weights would remain."""
        if stage == "fit" and isinstance(trainer.strategy, FSDP2Strategy):
            self._compare_weights(trainer, pl_module)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the config, then the weights."""
        self._compare(trainer, "config", json.dumps(self.config, sort_keys=True, default=str).encode())
        self._compare_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the weights."""
        self._compare_weights(trainer, pl_module)

    def _compare_weights(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.world_size > 1 and not sharded_weights.sharded(module):
            self._compare(trainer, "weights", weights_hash(module).encode())

    def _compare(self, trainer: pl.Trainer, what: str, content: bytes) -> None:
        world = ProcessRank.current().world
        if world == 1:
            return
        hashes: list[str] = [""] * world
        dist.all_gather_object(hashes, hashlib.sha256(content).hexdigest())
        other = [number for number, found in enumerate(hashes) if found != hashes[0]]
        if other:
            raise UserError(
                f"the {what} of process {other[0]} is not that of process 0 (SHA-256 {hashes[other[0]][:12]}... and "
                f"{hashes[0][:12]}...); the run stops, since its processes would train different models. "
                "Start all nodes with the same command and the same files"
            )


def weights_hash(module: torch.nn.Module) -> str:
    """SHA-256 of all parameters that are trained, in order; of this process's part, where they are cut."""
    sha256 = hashlib.sha256()
    for name, parameter in module.named_parameters():
        sha256.update(name.encode())
        flat = sharded_weights.local(parameter.detach()).cpu().reshape(-1).clone(memory_format=torch.contiguous_format)
        sha256.update(flat.view(torch.uint8).numpy().data)
    return sha256.hexdigest()


def _scaled(trainer: pl.Trainer) -> bool:
    """Whether float16's scaler handles infinite gradients by itself."""
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _values(gradient: Tensor) -> Tensor:
    mine = sharded_weights.local(gradient)
    return mine._values() if mine.is_sparse else mine
