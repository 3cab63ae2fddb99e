"""Loss and metrics of node classification on one graph."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule, OptimizerFactory
from suite.training.schedule import Schedule
from tasks.graph.batch import GraphBatch


class NodeClassification(BaseTaskModule):
    """Cross-entropy on the training nodes; accuracy on the nodes of a split.

    The whole graph is one batch, so a pass over it is what papers call an epoch: an optimiser step, then validation.
    Lightning's own work for a step takes as long as a small graph's forward pass; ``passes`` of them share one, through
    Lightning's manual optimisation.
    """

    uses_validation_loop: ClassVar[bool] = False

    def __init__(
        self, net: nn.Module, optim: OptimizerFactory, passes: int = 50, schedule: Schedule | None = None
    ) -> None:
        super().__init__(net, optim, schedule)
        if passes < 1:
            raise UserError(f"module.passes must be at least 1, got {passes}")
        self.passes = passes
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        """The optimiser; raises UserError for a schedule, since patience decides when training ends."""
        if self._schedule is not None:
            raise UserError(
                "task=graph trains until its patience ends, so a schedule has no length: use schedule=constant"
            )
        return super().configure_optimizers()

    def training_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Pass over the graph ``passes`` times, or until selection or ``max_steps`` ends training."""
        optimizer: Any = self.optimizers()
        for _ in range(self.passes):
            optimizer.zero_grad()
            loss = self.loss(batch)
            self.manual_backward(loss)
            optimizer.step()
            with self.measuring():
                metrics = {f"val/{name}": value for name, value in self.measure(batch, "val").items()}
                self.report({"train/loss": float(loss.detach()), **metrics})
            if self.trainer.should_stop or self.global_step == self.trainer.max_steps:
                break

    def validation_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Log loss and accuracy of the nodes that ``batch.evaluated`` names."""
        self.log_metrics({f"val/{name}": value for name, value in self.measure(batch, batch.evaluated).items()})

    def test_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Log loss and accuracy of the nodes that ``batch.evaluated`` names."""
        self.log_metrics({f"test/{name}": value for name, value in self.measure(batch, batch.evaluated).items()})

    def predict_step(self, batch: GraphBatch, batch_idx: int) -> Tensor:
        """Return the logits of all nodes, (N, C)."""
        logits: Tensor = self.net(batch.features, batch.edges).logits
        return logits

    def loss(self, batch: GraphBatch) -> Tensor:
        """Cross-entropy of the training nodes, a scalar."""
        nodes = batch.split["train"]
        return F.cross_entropy(self.net(batch.features, batch.edges).logits[nodes], batch.labels[nodes])

    @torch.no_grad()
    def measure(self, batch: GraphBatch, split: str) -> dict[str, float]:
        """Loss and accuracy on the nodes of ``split``, by the weights of now."""
        was_training = self.net.training
        self.net.eval()
        nodes = batch.split[split]
        logits, labels = self.net(batch.features, batch.edges).logits[nodes], batch.labels[nodes]
        self.net.train(was_training)
        correct = (logits.argmax(dim=-1) == labels).sum()
        return {"loss": float(F.cross_entropy(logits, labels)), "accuracy": int(correct) / len(nodes)}
