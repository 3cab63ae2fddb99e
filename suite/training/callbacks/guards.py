"""Callbacks that stop a run on NaN or Inf, and when processes have different configs or weights."""

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
    """Stops the run before the optimiser uses a loss or gradient that is NaN or Inf.

    The weights of the step before are written to ``before_failure.ckpt``. The check takes one norm of each gradient and
    one synchronisation with the device in each step.

    Args:
        folder: where the checkpoint is written.

    Raises:
        UserError: with step, batch and the name of a parameter whose gradient is NaN or Inf.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._batch = 0
        self._losses: list[Tensor] = []
        self._parameters: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """List the parameters once: a walk through the modules takes longer than the check itself."""
        self._parameters = list(pl_module.parameters())

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Store the number of the batch."""
        self._batch = batch_idx

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Store the loss; there are several if gradients are accumulated."""
        self._losses.append(loss.detach())

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Check all losses and gradients at once; only if one is not finite, find out which."""
        losses, self._losses = self._losses, []
        gradients = [] if _scaled(trainer) else [p.grad for p in self._parameters if p.grad is not None]
        norms = torch._foreach_norm([_values(gradient) for gradient in gradients])
        total = torch.stack([loss.float() for loss in losses] + [norm.float() for norm in norms]).sum()
        sharded = isinstance(trainer.strategy, FSDP2Strategy)
        if sharded:  # each process has its shard of a gradient, and all of them write the checkpoint
            dist.all_reduce(total)
        if bool(total.isfinite()):
            return
        wrong = [
            name
            for name, parameter in pl_module.named_parameters()
            if parameter.grad is not None and not bool(_values(parameter.grad).isfinite().all())
        ]
        reasons = [f"its loss is {float(loss)}" for loss in losses if not bool(loss.isfinite())]
        reasons += [f"the gradient of {wrong[0]} is not finite"] if wrong else []
        if sharded:
            reasons = list(dict.fromkeys(reason for found in gather([reasons]) for reason in found))
        if reasons:  # otherwise each value is finite, and only their sum is not
            self._stop(trainer, reasons)

    def _stop(self, trainer: pl.Trainer, reasons: list[str]) -> None:
        path = self.folder / STOPPED
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=True)
        if trainer.is_global_zero:
            checkpoint_file.save(path, state)
        process = f" of process {trainer.global_rank}" if trainer.world_size > 1 else ""
        raise UserError(
            f"training stopped at step {trainer.global_step + 1}, batch {self._batch}{process} in epoch "
            f"{trainer.current_epoch}: {' and '.join(reasons)}. The weights before it are in {path}. "
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
        """Compare the weights before they are sharded; later each process holds another shard."""
        if stage == "fit" and isinstance(trainer.strategy, FSDP2Strategy):
            self._compare_weights(trainer, pl_module)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare config and weights."""
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
                f"the {what} of process {other[0]} differs from that of process 0 "
                f"(SHA-256 {hashes[other[0]][:12]}... and {hashes[0][:12]}...), so they would train different models. "
                "Start all nodes with the same command and the same files"
            )


def weights_hash(module: torch.nn.Module) -> str:
    """Return the SHA-256 of all parameters in order; of sharded parameters, of the shards of this process."""
    sha256 = hashlib.sha256()
    for name, parameter in module.named_parameters():
        sha256.update(name.encode())
        flat = sharded_weights.local(parameter.detach()).cpu().reshape(-1).clone(memory_format=torch.contiguous_format)
        sha256.update(flat.view(torch.uint8).numpy().data)
    return sha256.hexdigest()


def _scaled(trainer: pl.Trainer) -> bool:
    """Whether a gradient scaler of float16 training handles infinite gradients."""
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _values(gradient: Tensor) -> Tensor:
    mine = sharded_weights.local(gradient)
    return mine._values() if mine.is_sparse else mine
