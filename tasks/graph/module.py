"""Loss and metrics of node classification on one graph."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.training.module import TaskModule
from tasks.graph.batch import GraphBatch


class NodeClassification(TaskModule):
    """Cross-entropy on the training nodes; accuracy on the nodes of a split.

    One step sees the whole graph, so it is an epoch: validation follows each step at once, outside Lightning's
    validation loop, whose book-keeping would take longer than the step.
    """

    def training_step(self, batch: GraphBatch, batch_idx: int) -> Tensor:
        """Loss of the training nodes."""
        nodes = batch.split["train"]
        return F.cross_entropy(self.net(batch.features, batch.edges).logits[nodes], batch.labels[nodes])

    def on_train_batch_end(self, outputs: Any, batch: GraphBatch, batch_idx: int) -> None:
        """Validate the weights that the step left, and report."""
        self.report({"train/loss": float(outputs["loss"]), **self._measure(batch, "val")})

    def test_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """Measure the split that ``self.split`` names."""
        self.metrics = self._measure(batch, self.split)

    @torch.no_grad()
    def _measure(self, batch: GraphBatch, split: str) -> dict[str, float]:
        was_training = self.net.training
        self.net.eval()
        nodes = batch.split[split]
        logits, labels = self.net(batch.features, batch.edges).logits[nodes], batch.labels[nodes]
        self.net.train(was_training)
        correct = (logits.argmax(dim=-1) == labels).sum()
        return {f"{split}/loss": float(F.cross_entropy(logits, labels)), f"{split}/accuracy": int(correct) / len(nodes)}
