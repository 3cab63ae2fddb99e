"""The Lightning module of node classification on one graph."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from suite.errors import UserError, check_at_least
from suite.training.base_task_module import BaseTaskModule, OptimizerFactory
from suite.training.schedule import Schedule
from tasks.graph.batch import GraphBatch
from tasks.graph.losses import node_cross_entropy
from tasks.graph.metrics import node_metrics


class NodeClassification(BaseTaskModule):
    """Classifies nodes: cross-entropy of the training nodes, accuracy of the nodes of a split.

    The batch is the whole graph, so an epoch is one optimizer step followed by validation. The overhead of a Lightning
    step takes as long as the forward pass of a small graph. One Lightning step therefore runs ``passes`` epochs, with
    manual optimization; the number changes nothing but the speed.

    Args:
        net: classifies the nodes of a graph.
        optim: makes the optimizer from the parameters.
        passes: epochs in one Lightning step.
        schedule: not supported, since early stopping ends training; None.

    Raises:
        UserError: if ``passes`` is less than 1.
    """

    uses_validation_loop: ClassVar[bool] = False

    def __init__(self, net: nn.Module, optim: OptimizerFactory, passes: int, schedule: Schedule | None = None) -> None:
        super().__init__(net, optim, schedule)
        check_at_least(1, "module.passes", passes)
        self.passes = passes
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        """Return the optimizer. Raises UserError for a schedule, because the number of steps is not known."""
        if self._schedule is not None:
            raise UserError(
                "task=graph stops when its patience ends, so a schedule does not know its length: use schedule=constant"
            )
        return super().configure_optimizers()

    def training_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Train for ``passes`` epochs, or until early stopping or ``max_steps`` ends training."""
        optimizer: Any = self.optimizers()
        for _ in range(self.passes):
            optimizer.zero_grad()
            loss = self.compute_loss(batch)
            self.manual_backward(loss)
            optimizer.step()
            with self.measuring():
                metrics = {f"val/{name}": value for name, value in self.split_metrics(batch, "val").items()}
                self.report({"train/loss": float(loss.detach()), **metrics})
            if self.trainer.should_stop or self.global_step == self.trainer.max_steps:
                break

    def validation_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Log loss and accuracy of the nodes of the split ``batch.evaluated``."""
        self.log_metrics({f"val/{name}": value for name, value in self.split_metrics(batch, batch.evaluated).items()})

    def test_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Log loss and accuracy of the nodes of the split ``batch.evaluated``."""
        self.log_metrics({f"test/{name}": value for name, value in self.split_metrics(batch, batch.evaluated).items()})

    def predict_step(self, batch: GraphBatch, batch_idx: int) -> Tensor:
        """Return the logits of all nodes, (N, C)."""
        logits: Tensor = self.net(batch.features, batch.edges).logits
        return logits

    def metrics_of(self, batches: Iterable[GraphBatch]) -> dict[str, float]:
        """Return loss and accuracy of the evaluated nodes of the first batch, without a Trainer."""
        batch = next(iter(batches)).to(self.device)
        return self.split_metrics(batch, batch.evaluated)

    def compute_loss(self, batch: GraphBatch) -> Tensor:
        """Cross-entropy of the training nodes, a scalar."""
        logits = self.net(batch.features, batch.edges).logits
        return node_cross_entropy(logits, batch.labels, batch.split["train"])

    @torch.no_grad()
    def split_metrics(self, batch: GraphBatch, split: str) -> dict[str, float]:
        """Return loss and accuracy of the nodes of ``split``, computed in evaluation mode."""
        was_training = self.net.training
        self.net.eval()
        logits = self.net(batch.features, batch.edges).logits
        self.net.train(was_training)
        return node_metrics(logits, batch.labels, batch.split[split])
