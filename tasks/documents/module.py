"""The LightningModule of document classification."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from suite.errors import UserError
from suite.training.base_task_module import OptimizerFactory
from suite.training.processes import sharded_weights
from suite.training.schedule import Schedule
from suite.training.task_module import SampleResults, TaskModule
from tasks.documents.batch import DocumentBatch
from tasks.documents.losses import cross_entropy
from tasks.documents.metrics import classification_metrics
from tasks.documents.models.output import DocumentOutput
from tasks.documents.vectors import read_vectors

logger = logging.getLogger(__name__)


class DocumentClassification(TaskModule):
    """Trains a network with cross-entropy, and measures loss and accuracy.

    Args:
        net: network that returns a ``DocumentOutput``.
        optim: builds the optimiser.
        vectors: file of word vectors for the initial weights of the embedding (see ``read_vectors``); None for random
            weights. Words that the file does not contain have random weights, and all weights are trained.
        schedule: of the learning rate; None keeps it constant.
    """

    def __init__(
        self, net: nn.Module, optim: OptimizerFactory, vectors: str | None, schedule: Schedule | None = None
    ) -> None:
        super().__init__(net, optim, schedule)
        self.vectors = vectors

    def forward(self, batch: DocumentBatch) -> DocumentOutput:
        output: DocumentOutput = self.net(batch.words, batch.sentences, batch.documents, batch.spelling)
        return output

    def on_fit_start(self) -> None:
        """Call ``net.observe``, if there is one, with the training split; load the word vectors."""
        if (observe := getattr(self.net, "observe", None)) is not None:
            observe(self.trainer.datamodule.split_dataloader("train"))  # type: ignore[attr-defined]
        if self.vectors is not None and self.trainer.ckpt_path is None:  # the checkpoint of a resumed run has them
            self.load_vectors(Path(self.vectors), self.trainer.datamodule.facts()["vocabulary"])  # type: ignore[attr-defined]

    @torch.no_grad()
    def load_vectors(self, path: Path, vocabulary: Sequence[str]) -> None:
        """Copy the vectors of a file into the embedding. Raises UserError for a network without ``embedding``."""
        embedding = getattr(self.net, "embedding", None)
        if not isinstance(embedding, nn.Embedding):
            raise UserError("module.vectors needs a model with one word embedding, for example model=documents/han")
        numbers, vectors = read_vectors(path, vocabulary, embedding.embedding_dim)
        weight = sharded_weights.unshard(embedding.weight).clone()
        weight[numbers.to(self.device) + 1] = vectors.to(self.device)  # index 0 is the unknown word
        embedding.weight.copy_(sharded_weights.shard_like(embedding.weight, weight))
        logger.info("%s has vectors of %d of %d words", path, len(numbers), len(vocabulary))

    def compute_loss(self, batch: DocumentBatch) -> Tensor:
        return cross_entropy(self(batch).logits, batch.labels)

    def per_sample(self, batch: DocumentBatch) -> SampleResults:
        """Return the loss of each document, and whether its predicted class is correct."""
        logits = self(batch).logits
        loss = cross_entropy(logits, batch.labels, per_document=True)
        return {"loss": loss, "correct": logits.argmax(dim=-1) == batch.labels}

    def compute_metrics(self, samples: SampleResults) -> dict[str, float]:
        return classification_metrics(samples)
