"""The base class of all task modules: a network, an optimiser with a schedule, and one way to report metrics."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import nn
from torch.optim import Optimizer

from suite.data.module import TaskData
from suite.training.processes import sharded_weights
from suite.training.processes.fsdp import FSDP2Strategy
from suite.training.schedule import Schedule
from suite.training.state.checkpoint_file import SAMPLES, SCHEMA

SMALLEST_EPS_IN_FLOAT16 = 1e-4
"""Squares of gradients below 2.4e-4 are 0 in float16, and Adam divides by their root plus eps."""

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class BaseTaskModule(pl.LightningModule):
    """Loss, metrics and optimiser around ``net``, a plain ``nn.Module`` that does not depend on Lightning.

    It runs in any ``lightning.pytorch.Trainer``. A subclass writes ``training_step``, ``validation_step`` and
    ``test_step`` as in Lightning, and logs the metrics of a split with ``log_metrics`` as ``{"test/accuracy": ...}``.

    ``report`` passes the metrics of one evaluation during training to loggers and callbacks: at the end of Lightning's
    validation epoch, or after a training step that is a whole epoch. It replaces ``self.log`` there, which takes
    0.26 ms for each call: as long as the backward pass of a small graph.

    ``suite.training.build.build_module`` stores config and facts in ``hparams``, so that a checkpoint of any Trainer
    can be loaded without further arguments.

    Attributes:
        uses_validation_loop: whether Lightning's validation loop validates during a run of ``attn train``. A subclass
            that validates in ``validate_epoch`` or in ``training_step`` sets it to False.

    Args:
        net: the network.
        optim: makes the optimiser from the parameters.
        schedule: of the learning rate; None keeps it constant.
    """

    uses_validation_loop: ClassVar[bool] = True

    def __init__(self, net: nn.Module, optim: OptimizerFactory, schedule: Schedule | None = None) -> None:
        super().__init__()
        self.net = net
        self._optim, self._schedule = optim, schedule

    def configure_model(self) -> None:
        """Shard the weights over the processes, once, if the strategy requires it."""
        if isinstance(self.trainer.strategy, FSDP2Strategy) and not sharded_weights.sharded(self.net):
            sharded_weights.shard(self.net, self.trainer.strategy.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the config for this module's parameters, with its schedule."""
        optimizer = self._optim(self.parameters())
        for group in optimizer.param_groups:
            if "eps" in group and any(p.dtype == torch.float16 for p in group["params"]):
                group["eps"] = max(group["eps"], SMALLEST_EPS_IN_FLOAT16)
        if self._schedule is None:
            return optimizer
        return self._schedule.attach(optimizer, self.trainer.estimated_stepping_batches)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients, also in mixed precision with a fused optimiser, which Lightning rejects.

        A fused optimiser divides gradients by the scale of the loss itself. Where there is a scale, the gradients are
        divided here instead, before they are clipped, and the optimiser receives none.
        """
        plugin = self.trainer.precision_plugin
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if not (isinstance(plugin, MixedPrecision) and fused and gradient_clip_val):
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        if plugin.scaler is not None:
            plugin.scaler.unscale_(optimizer)
        algorithm = GradClipAlgorithmType(gradient_clip_algorithm or "norm")
        Precision.clip_gradients(plugin, optimizer, gradient_clip_val, algorithm)

    def in_precision(self, batch: Any) -> Any:
        """The batch in the floating-point type of the Trainer, as its own loops convert it."""
        return self.trainer.precision_plugin.convert_input(batch) if self._trainer else batch

    def precision(self) -> AbstractContextManager[Any]:
        """The context in which the Trainer computes a step: autocast, or its default type."""
        return self.trainer.precision_plugin.forward_context() if self._trainer else nullcontext()

    def on_test_start(self) -> None:
        """Gather sharded weights: processes evaluate different batches, and different numbers of them."""
        sharded_weights.gather_weights(self.net)

    def on_test_end(self) -> None:
        """Release the gathered weights."""
        sharded_weights.release_weights(self.net)

    on_validation_start = on_predict_start = on_test_start
    on_validation_end = on_predict_end = on_test_end

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add config and facts, from which ``suite.load`` rebuilds this module, and the record of the samples."""
        checkpoint.update(self.hparams, schema=SCHEMA)
        data = getattr(self._trainer, "datamodule", None)  # a module without a Trainer has no data
        if isinstance(data, TaskData):
            checkpoint[SAMPLES] = data.samples.state_dict()
        checkpoint.pop(self.CHECKPOINT_HYPER_PARAMS_KEY, None)  # Lightning's copy of the same
        checkpoint.pop(self.CHECKPOINT_HYPER_PARAMS_NAME, None)

    def media(self, data: TaskData) -> dict[str, Any]:
        """Return what a tracker shows of a finished run beside metrics: tables (lists of dicts) and images (arrays)."""
        return {}

    def unfinished(self) -> dict[str, Any]:
        """Return what this process has collected in the current epoch, as plain values and tensors.

        A checkpoint within an epoch contains it.
        """
        return {}

    def resume(self, unfinished: dict[str, Any]) -> None:
        """Restore what ``unfinished`` returned."""

    def validate_epoch(self, batches: Iterable[Any]) -> None:
        """Evaluate the validation split at the end of an epoch and report it; ``attn train`` calls this.

        Does nothing, unless a subclass overrides it.

        Args:
            batches: the share of this process of the validation batches.
        """

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Evaluation mode without gradients, with gathered weights, and averaged ones if a callback averages them.

        A callback takes part with a method ``measuring(module)`` that returns a context manager.
        """
        was_training = self.net.training
        self.net.eval()
        with ExitStack() as stack:
            for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
                if (context := getattr(callback, "measuring", None)) is not None:
                    stack.enter_context(context(self))
            stack.enter_context(torch.no_grad())
            stack.enter_context(sharded_weights.gathered_weights(self.net))
            yield
        self.net.train(was_training)

    def report(self, metrics: Mapping[str, float]) -> None:
        """Pass the metrics of the current weights to all loggers, and to callbacks as ``notify`` does.

        All processes receive the metrics of the first one, so that all decide alike.
        """
        if self.trainer.world_size > 1:
            metrics = self.trainer.strategy.broadcast(dict(metrics))
        for logger in self.trainer.loggers:
            logger.log_metrics(dict(metrics), step=self.global_step)
        self.notify(metrics)

    def notify(self, metrics: Mapping[str, float]) -> None:
        """Call ``on_report(trainer, module, metrics)`` of each callback that has it, as selection and progress do."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if (listen := getattr(callback, "on_report", None)) is not None:
                listen(self.trainer, self, metrics)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics of a whole split with Lightning, in double precision.

        All processes must call it, with equal metrics, as those of gathered results are.
        """
        device = self.device if self.device.type == "cuda" else torch.device("cpu")  # MPS has no float64
        values = {name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in metrics.items()}
        self.log_dict(values, on_step=False, on_epoch=True, reduce_fx="max", sync_dist=True, batch_size=1)


def evaluate(trainer: pl.Trainer, module: BaseTaskModule, data: TaskData, split: str) -> dict[str, float]:
    """Return the metrics of a module on one split, ``{"val/accuracy": ...}``, from Lightning's test loop.

    Args:
        trainer: a Trainer without loggers, since Lightning logs all metrics of its test loop under ``test/``.
        module: the module, with trained weights.
        data: whose ``evaluation_batches(split)`` are evaluated.
        split: ``"train"``, ``"val"`` or ``"test"``.
    """
    (metrics,) = trainer.test(module, dataloaders=data.evaluation_batches(split), verbose=False)
    return {f"{split}/{name.removeprefix('test/')}": float(value) for name, value in metrics.items()}
