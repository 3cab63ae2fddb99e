"""The base class of tasks whose metrics are computed from per-sample results."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from suite.data.process_share import ProcessRank, gather
from suite.training.base_task_module import BaseTaskModule, OptimizerFactory
from suite.training.schedule import Schedule

SampleResults = Mapping[str, Tensor]


class TaskModule(BaseTaskModule):
    """A module whose metrics come from per-sample results: loss, correct or not, rank of the target, edits.

    A subclass writes three methods. ``compute_loss(batch)`` returns the training loss. ``per_sample(batch)`` returns
    named tensors with one row for each sample. ``compute_metrics(samples)`` computes the metrics of a split from the
    per-sample results of all processes, so neither the batch size nor the number of processes changes them. A subclass
    that fits something to the validation split, for example a temperature, does it in ``calibrate(samples)``.

    In a run of ``attn train``, ``validate_epoch`` evaluates the validation split after each epoch, because Lightning's
    validation loop skips an epoch that ``max_steps`` ends early. In any other Trainer, Lightning's loop does.
    """

    uses_validation_loop: ClassVar[bool] = False

    def __init__(self, net: nn.Module, optim: OptimizerFactory, schedule: Schedule | None = None) -> None:
        super().__init__(net, optim, schedule)
        self._losses: list[Tensor] = []
        self._samples: list[SampleResults] = []

    def compute_loss(self, batch: Any) -> Tensor:
        """Return the training loss of a batch, a scalar."""
        raise NotImplementedError

    def per_sample(self, batch: Any) -> SampleResults:
        """Return what ``compute_metrics`` needs of each sample: tensors whose first dimension is the sample."""
        raise NotImplementedError

    def compute_metrics(self, samples: SampleResults) -> dict[str, float]:
        """Return the metrics of a split by name, without the name of the split, from the results of all its samples."""
        raise NotImplementedError

    def calibrate(self, samples: SampleResults) -> None:
        """Fit what depends on the validation split. Called in training, before its metrics are computed."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        loss = self.compute_loss(batch)
        self._losses.append(loss.detach())
        return loss

    def validate_epoch(self, batches: Iterable[Any]) -> None:
        """Evaluate the validation split with the current weights; report it with the mean training loss of the epoch.

        Args:
            batches: the share of this process of the validation batches.
        """
        loss = self._mean_loss()
        with self.measuring():
            samples = self._collect(batches)
            self.calibrate(samples)
            metrics = self.compute_metrics(samples)
            self.report({"train/loss": loss, **{f"val/{name}": value for name, value in metrics.items()}})

    def on_train_epoch_end(self) -> None:
        """Log the mean training loss, if ``validate_epoch`` has not reported it."""
        if self._losses:
            self.log_metrics({"train/loss": self._mean_loss()})

    def unfinished(self) -> dict[str, Any]:
        """Return the losses of the epoch so far."""
        return {"losses": [loss.cpu() for loss in self._losses]}

    def resume(self, unfinished: dict[str, Any]) -> None:
        """Restore the losses of the epoch so far."""
        self._losses = [loss.to(self.device) for loss in unfinished["losses"]]

    def metrics_of(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the metrics of these batches and those of the other processes, without a Trainer."""
        return self.compute_metrics(self._collect(batches))

    def on_validation_epoch_start(self) -> None:
        """Start to collect the per-sample results of a split."""
        self._samples = []

    def validation_step(self, batch: Any, batch_idx: int) -> SampleResults:
        """Return the per-sample results of one batch."""
        self._samples.append(self.per_sample(batch))
        return self._samples[-1]

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the validation split; in training, pass them to callbacks too."""
        samples = self._gathered()
        in_training = self.trainer.state.fn == "fit" and not self.trainer.sanity_checking
        if in_training:
            self.calibrate(samples)
        metrics = {f"val/{name}": value for name, value in self.compute_metrics(samples).items()}
        self.log_metrics(metrics)
        if in_training:
            self.notify(metrics)

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the test split."""
        metrics = self.compute_metrics(self._gathered())
        self.log_metrics({f"test/{name}": value for name, value in metrics.items()})

    def predict_step(self, batch: Any, batch_idx: int) -> SampleResults:
        """Return the per-sample results of one batch. For predictions of your own records see ``suite.load``."""
        return self.per_sample(batch)

    @torch.no_grad()
    def _collect(self, batches: Iterable[Any]) -> SampleResults:
        """Per-sample results of these batches and those of the other processes."""
        was_training = self.net.training
        self.net.eval()
        with self.precision():
            samples = [self.per_sample(self.in_precision(batch.to(self.device))) for batch in batches]
        self.net.train(was_training)
        return _concatenate(samples)

    def _gathered(self) -> SampleResults:
        samples, self._samples = self._samples, []
        return _concatenate(samples)

    def _mean_loss(self) -> float:
        losses, self._losses = gather([loss.cpu() for loss in self._losses]), []
        return float(torch.stack(losses).mean())


def _concatenate(own: list[SampleResults]) -> SampleResults:
    """Per-sample results of all processes, in the order of the samples."""
    if ProcessRank.current().world > 1:
        own = gather([{name: values.cpu() for name, values in batch.items()} for batch in own])
    return {name: torch.cat([batch[name] for batch in own]) for name in own[0]}
