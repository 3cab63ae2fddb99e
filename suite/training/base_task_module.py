"""The Lightning side that all tasks share: a plain network inside, an optimiser, and one way to report metrics."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.optim import Optimizer

from suite.training.batches.order import EvaluationShare
from suite.training.processes import sharded_weights
from suite.training.processes.fsdp import FSDP2Strategy
from suite.training.schedule import Schedule
from suite.training.state.checkpoint_file import SCHEMA

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class BaseTaskModule(pl.LightningModule):
    """Loss, metrics and optimiser around ``net``, a plain ``nn.Module`` that knows nothing of Lightning.

    A task writes ``training_step`` and calls ``report`` once for every round of validation: at the end of Lightning's
    validation epoch, or, where one step is a whole epoch, straight after the step. It writes ``test_step`` and leaves
    the figures of the split named by ``self.split`` in ``self.metrics`` as ``{"test/accuracy": ...}``.

    ``report`` replaces ``self.log``, whose bookkeeping costs 0.26 ms a call: as much as a small graph's whole backward.
    """

    def __init__(self, net: nn.Module, optim: OptimizerFactory) -> None:
        super().__init__()
        self.net = net
        self.split = "test"
        self.metrics: dict[str, float] = {}
        self.identity: dict[str, Any] = {}  # config and facts, as plain values: what rebuilds this module
        self.resident = False  # whether batches that stay the same are kept on the device
        self.schedule: Schedule | None = None  # of the learning rate; none leaves it as it is
        self._optim = optim

    def configure_model(self) -> None:
        """Cut the weights over the processes, where the trainer says so; once."""
        if isinstance(self.trainer.strategy, FSDP2Strategy) and not sharded_weights.sharded(self.net):
            sharded_weights.shard(self.net, self.trainer.strategy.device_mesh["data_parallel"])

    def on_test_start(self) -> None:
        """Measure by whole weights: processes have batches of their own, and not as many."""
        sharded_weights.gather_weights(self.net)

    def on_test_end(self) -> None:
        """Keep shards alone again."""
        sharded_weights.release_weights(self.net)

    def configure_optimizers(self) -> Any:
        """Complete the optimiser that the config names with this module's parameters, and its schedule."""
        optimizer = self._optim(self.parameters())
        return self.schedule.attach(optimizer, self.trainer.estimated_stepping_batches) if self.schedule else optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds this module, so that a checkpoint is enough on its own."""
        checkpoint.update(self.identity, schema=SCHEMA)

    def media(self, data: Any) -> dict[str, Any]:
        """What a tracked run shows of its end beside metrics: tables (lists of dicts) and images (arrays), by name."""
        return {}

    def unfinished(self) -> dict[str, Any]:
        """What this process has gathered of the epoch so far, for a checkpoint in its middle; plain values, tensors."""
        return {}

    def resume(self, unfinished: dict[str, Any]) -> None:
        """Take back what ``unfinished`` gave."""

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure and report inside: no dropout, no gradients, and averaged weights where a callback keeps some.

        A callback takes part by having ``measuring(module)``, a context.
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
        """Hand one round of metrics, of the weights the module holds now, to the loggers and the callbacks that listen.

        A callback listens by having ``on_report(trainer, module, metrics)``, as selection and progress do.
        """
        if self.trainer.world_size > 1:  # all processes must decide alike, to the last bit
            metrics = self.trainer.strategy.broadcast(dict(metrics))
        for logger in self.trainer.loggers:
            logger.log_metrics(dict(metrics), step=self.global_step)
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if (listen := getattr(callback, "on_report", None)) is not None:
                listen(self.trainer, self, metrics)


def evaluate(trainer: pl.Trainer, module: BaseTaskModule, data: Any, split: str) -> dict[str, float]:
    """Measure ``module`` on one split through Lightning's test loop: ``{"<split>/accuracy": ...}``."""
    module.split = split
    trainer.test(module, dataloaders=EvaluationShare(data.split_dataloader(split)), verbose=False)
    return module.metrics
