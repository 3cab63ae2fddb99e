"""Loss and metrics of classifying documents."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.errors import UserError
from suite.training.base_task_module import OptimizerFactory
from suite.training.processes import sharded_weights
from suite.training.task_module import SampleResults, TaskModule
from tasks.documents.batch import DocumentBatch
from tasks.documents.models.hierarchical import DocumentOutput
from tasks.documents.vectors import read_vectors

logger = logging.getLogger(__name__)


class DocumentClassification(TaskModule):
    """Cross-entropy, and accuracy.

    ``vectors`` is a file of word vectors (``vectors.py``) that the embedding of a network begins from; words that it
    lacks begin at random, and all are trained on. Training alone reads it: a checkpoint holds the trained embedding.
    """

    def __init__(self, net: nn.Module, optim: OptimizerFactory, vectors: str | None = None) -> None:
        super().__init__(net, optim)
        self.vectors = vectors

    def forward(self, batch: DocumentBatch) -> DocumentOutput:
        """Read a batch."""
        output: DocumentOutput = self.net(batch.words, batch.sentences, batch.documents, batch.spelling)
        return output

    def on_fit_start(self) -> None:
        """Let a network that begins from counts see the training part, and one with an embedding its vectors."""
        if (observe := getattr(self.net, "observe", None)) is not None:
            observe(self.trainer.datamodule.split_dataloader("train"))  # type: ignore[attr-defined]
        if self.vectors is not None and self.trainer.ckpt_path is None:  # a resumed run has its own
            self.begin_from(Path(self.vectors), self.trainer.datamodule.facts()["vocabulary"])  # type: ignore[attr-defined]

    @torch.no_grad()
    def begin_from(self, path: Path, vocabulary: Sequence[str]) -> None:
        """Put the vectors of a file into the embedding; raises UserError for a network that has none."""
        embedding = getattr(self.net, "embedding", None)
        if not isinstance(embedding, nn.Embedding):
            raise UserError("module.vectors needs a model with one embedding of words, as documents/han; this has none")
        numbers, vectors = read_vectors(path, vocabulary, embedding.embedding_dim)
        weight = sharded_weights.unshard(embedding.weight).clone()  # processes may hold a part each
        weight[numbers.to(self.device) + 1] = vectors.to(self.device)  # 0 is the unknown word
        embedding.weight.copy_(sharded_weights.shard_like(embedding.weight, weight))
        logger.info("%s has vectors for %d of %d words", path, len(numbers), len(vocabulary))

    def compute_loss(self, batch: DocumentBatch) -> Tensor:
        """Cross-entropy, the mean over documents."""
        return F.cross_entropy(self(batch).logits, batch.labels)

    def per_sample(self, batch: DocumentBatch) -> SampleResults:
        """Loss and right or wrong of every document."""
        logits = self(batch).logits
        loss = F.cross_entropy(logits, batch.labels, reduction="none")
        return {"loss": loss, "right": logits.argmax(dim=-1) == batch.labels}

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """Their means."""
        return {"loss": float(rows["loss"].double().mean()), "accuracy": float(rows["right"].double().mean())}
