"""Loss and metrics of classifying documents."""

import torch.nn.functional as F
from torch import Tensor

from suite.training.measured import Measured, Rows
from tasks.documents.batch import DocumentBatch
from tasks.documents.model import DocumentOutput


class DocumentClassification(Measured):
    """Cross-entropy, and accuracy."""

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
