"""Loss and metrics of classifying documents."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from suite.training.measured import Measured, Rows
from tasks.documents.batch import DocumentBatch
from tasks.documents.model import DocumentOutput


class DocumentClassification(Measured):
    """Cross-entropy, a learning rate that falls linearly to zero, accuracy on validation after every epoch."""

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

    def loss_of(self, batch: DocumentBatch) -> Tensor:
        """Cross-entropy, the mean over documents."""
        return F.cross_entropy(self(batch).logits, batch.labels)

    def measure(self, batch: DocumentBatch) -> Rows:
        """Loss and right or wrong of every document."""
        logits = self(batch).logits
        loss = F.cross_entropy(logits, batch.labels, reduction="none")
        return {"loss": loss, "right": logits.argmax(dim=-1) == batch.labels}

    def figures(self, rows: Rows) -> dict[str, float]:
        """Their means."""
        return {"loss": float(rows["loss"].double().mean()), "accuracy": float(rows["right"].double().mean())}
