"""Measuring sample by sample: rows first, metrics of all rows after."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from suite.training.base_task_module import BaseTaskModule, OptimizerFactory
from suite.training.batches.order import EvaluationShare, ProcessRank, gather
from suite.training.batches.resident import ResidentBatches

SampleResults = Mapping[str, Tensor]
SHOWN = 200  # rows of a table that is tracked


class TaskModule(BaseTaskModule):
    """A task whose metrics come from rows, one a sample: loss, right or wrong, place of the target, edits.

    A subclass writes three methods. ``compute_loss(batch)`` returns the training loss. ``per_sample(batch)`` returns
    named tensors with one row per sample. ``compute_metrics(samples)`` computes the metrics of a split from the
    per-sample results of all processes, so that neither the batch size nor the number of processes changes them.

    The validation split is measured after every epoch, and any split when asked. Lightning's own validation loop is
    left aside: it would skip an epoch that ``max_steps`` cuts short.
    """

    def __init__(self, net: nn.Module, optim: OptimizerFactory) -> None:
        super().__init__(net, optim)
        self._losses: list[Tensor] = []
        self._rows: list[SampleResults] = []
        self._last: SampleResults = {}
        self._kept: ResidentBatches | None = None

    def compute_loss(self, batch: Any) -> Tensor:
        """What training makes small, a scalar."""
        raise NotImplementedError

    def per_sample(self, batch: Any) -> SampleResults:
        """What ``compute_metrics`` needs of each sample: tensors whose first dimension is the sample's."""
        raise NotImplementedError

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """The metrics of a split by name, without the split, from all its rows."""
        raise NotImplementedError

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        loss = self.compute_loss(batch)
        self._losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Measure the validation split by the weights that the epoch left, and report with the epoch's mean loss."""
        losses, self._losses = gather([loss.cpu() for loss in self._losses]), []
        with self.measuring():
            figures = self.metrics_of(self._validation())
            loss = float(torch.stack(losses).mean())
            self.report({"train/loss": loss, **{f"val/{name}": value for name, value in figures.items()}})

    def _validation(self) -> Iterable[Any]:
        """This process's batches of the validation split; the same objects every epoch where the data are resident."""
        if self._kept is not None:
            return self._kept
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        batches = EvaluationShare(data.split_dataloader("val"))
        if not self.resident:
            return batches
        self._kept = ResidentBatches(batches, self.device)
        return self._kept

    def media(self, data: Any) -> dict[str, Any]:
        """A table of what was measured of the first samples of the split measured last, the test."""
        rows = {name: row[:SHOWN].tolist() for name, row in self._last.items()}
        return {
            f"{self.split}/rows": [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
        }

    def unfinished(self) -> dict[str, Any]:
        """The losses of the epoch so far."""
        return {"losses": [loss.cpu() for loss in self._losses]}

    def resume(self, unfinished: dict[str, Any]) -> None:
        """Go on with them."""
        self._losses = [loss.to(self.device) for loss in unfinished["losses"]]

    @torch.no_grad()
    def metrics_of(self, batches: Iterable[Any]) -> dict[str, float]:
        """The metrics of these batches and those of the other processes, outside any loop of Lightning's."""
        was_training = self.net.training
        self.net.eval()
        rows = [self.per_sample(batch.to(self.device)) for batch in batches]
        self.net.train(was_training)
        return self.compute_metrics(_together(rows))

    def on_test_epoch_start(self) -> None:
        """Begin a split."""
        self._rows = []

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Measure one batch of the split that ``self.split`` names."""
        self._rows.append(self.per_sample(batch))

    def on_test_epoch_end(self) -> None:
        """Leave its metrics."""
        self._last, self._rows = _together(self._rows), []
        figures = self.compute_metrics(self._last)
        self.metrics = {f"{self.split}/{name}": value for name, value in figures.items()}


def _together(mine: list[SampleResults]) -> SampleResults:
    """All rows of all processes, in the order of the samples."""
    if ProcessRank.current().world > 1:
        mine = gather([{name: row.cpu() for name, row in rows.items()} for rows in mine])
    return {name: torch.cat([rows[name] for rows in mine]) for name in mine[0]}
