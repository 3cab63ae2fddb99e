"""Loss and metrics of classifying documents."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from suite.training.module import OptimizerFactory, TaskModule
from tasks.documents.batch import DocumentBatch
from tasks.documents.model import DocumentOutput


class DocumentClassification(TaskModule):
    """Cross-entropy, a learning rate that falls linearly to zero, accuracy on validation after every epoch."""

    def __init__(self, net: nn.Module, optim: OptimizerFactory) -> None:
        super().__init__(net, optim)
        self._train_loss = 0.0

    def configure_optimizers(self) -> Any:
        """The optimiser of the config, its rate falling to zero at the last step of training."""
        optimizer = self._optim(self.parameters())
        steps = max(float(self.trainer.estimated_stepping_batches), 1.0)
        schedule = LambdaLR(optimizer, lambda step: max(1.0 - step / steps, 0.0))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def forward(self, batch: DocumentBatch) -> DocumentOutput:
        """Read a batch."""
        output: DocumentOutput = self.net(batch.words, batch.sentences, batch.documents, batch.spelling)
        return output

    def on_fit_start(self) -> None:
        """Let a network that begins from counts see the training part."""
        if (observe := getattr(self.net, "observe", None)) is not None:
            observe(self.trainer.datamodule.split_dataloader("train"))  # type: ignore[attr-defined]

    def training_step(self, batch: DocumentBatch, batch_idx: int) -> Tensor:
        """Loss of the documents of a batch."""
        loss = F.cross_entropy(self(batch).logits, batch.labels)
        self._train_loss = float(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Validate the weights that the epoch left, and report."""
        was_training = self.net.training
        self.net.eval()
        with torch.no_grad():
            totals = [self._measure(batch.to(self.device)) for batch in self.trainer.datamodule.split_dataloader("val")]  # type: ignore[attr-defined]
        self.net.train(was_training)
        self.report({"train/loss": self._train_loss, **_metrics("val", totals)})

    def on_test_start(self) -> None:
        """Begin to count."""
        self._counted: list[tuple[float, int, int]] = []

    def test_step(self, batch: DocumentBatch, batch_idx: int) -> None:
        """Count one batch of the split that ``self.split`` names."""
        self._counted.append(self._measure(batch))

    def on_test_end(self) -> None:
        """Leave the figures of the split."""
        self.metrics = _metrics(self.split, self._counted)

    def _measure(self, batch: DocumentBatch) -> tuple[float, int, int]:
        """Sum of the loss, number of right answers, number of documents."""
        logits = self(batch).logits
        loss = F.cross_entropy(logits, batch.labels, reduction="sum")
        return float(loss), int((logits.argmax(dim=-1) == batch.labels).sum()), len(batch)


def _metrics(split: str, counted: list[tuple[float, int, int]]) -> dict[str, float]:
    loss, right, number = (sum(column) for column in zip(*counted, strict=True))
    return {f"{split}/loss": loss / number, f"{split}/accuracy": right / number}
