"""A hierarchical attention network over the evidence of words and phrases."""

# M words, T sentences, N documents, E width of a word, C classes

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.documents.batch import DocumentBatch, Spelling
from tasks.documents.models.encoders import add_neighbours
from tasks.documents.models.ngram_evidence import NgramEvidence
from tasks.documents.models.output import DocumentOutput, Pool, Pooling, require_weights


class EvidenceAttentionNet(nn.Module):
    """Attention over words and over sentences, as in HAN, whose values are a vector and evidence for the classes.

    hidden[i] = ReLU(L[word i - 1] + O[word i] + R[word i + 1] + b)       a convolution over one-hot words
    evidence[i] = learnt weights * naive Bayes ratios of the n-grams that end at word i    (``NgramEvidence``)
    (sentence, its evidence) = attention over words of (hidden, evidence), the evidence times the number of words
    (document, its evidence) = attention over sentences of the same, the evidence times the number of sentences
    logits = W document + b + its evidence

    With equal weights the evidence of a document is the sum over its words, which is NB-SVM (Wang & Manning 2012) with
    logistic loss; attention learns which words and sentences count more. The convolution is that of Johnson & Zhang
    2015, section 2.2: the sum of three embeddings.

    Args:
        num_words, num_classes: from the data.
        pooling: builds the pooling of words and the pooling of sentences.
        embed_dim: E.
        max_ngrams, min_count: of ``NgramEvidence``.
        dropout: of hidden vectors and document vectors in training.
        word_dropout: probability that a word becomes the unknown word in training.

    Shape: as ``HierarchicalAttentionNet``. ``observe`` has to be called with the training split before training.
    """

    def __init__(
        self,
        num_words: int,
        num_classes: int,
        pooling: Pooling,
        embed_dim: int = 64,
        max_ngrams: int = 400_000,
        min_count: int = 3,
        dropout: float = 0.3,
        word_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.embed_dim = embed_dim
        self.left, self.own, self.right = (nn.Embedding(num_words, embed_dim) for _ in range(3))
        for table in (self.left, self.own, self.right):
            nn.init.normal_(table.weight, std=0.05)
        self.bias = nn.Parameter(torch.zeros(embed_dim))
        self.evidence = NgramEvidence(num_words, num_classes, max_ngrams, min_count)
        self.word_pooling = pooling(embed_dim + num_classes)
        width = embed_dim * self.word_pooling.num_heads
        self.sentence_pooling = pooling(width + num_classes)
        self.output = nn.Linear(width * self.sentence_pooling.num_heads, num_classes)

    def observe(self, batches: Iterable[DocumentBatch]) -> None:
        """Count the n-grams of the training split."""
        self.evidence.observe(batches)

    def forward(
        self, words: Tensor, sentences: Segments, documents: Segments, spelling: Spelling | None = None
    ) -> DocumentOutput:
        """Classify the documents."""
        if self.training and self.word_dropout:
            words = words * (torch.rand(words.shape, device=words.device) >= self.word_dropout)
        hidden = add_neighbours(self.left(words), self.own(words), self.right(words), sentences).add(self.bias).relu()
        hidden = dropout(hidden, self.dropout, self.training)
        evidence = self.evidence(words, sentences, documents, spelling)
        word_weights, sentence, evidence = self._attend(self.word_pooling, hidden, evidence, sentences)
        weights, document, evidence = self._attend(self.sentence_pooling, sentence, evidence, documents)
        logits = self.output(dropout(document, self.dropout, self.training)) + evidence
        return DocumentOutput(logits, word_weights, weights)

    def _attend(self, pooling: Pool, x: Tensor, evidence: Tensor, segments: Segments) -> tuple[Tensor, Tensor, Tensor]:
        """Return weights, the pooled vectors of all heads, and the evidence of each segment (mean over the heads)."""
        pooled = pooling(torch.cat([x, evidence], dim=1), segments=segments)
        joint = pooled.context.unflatten(1, (pooling.num_heads, -1))
        vectors, means = joint.split([x.shape[1], evidence.shape[1]], dim=2)
        return require_weights(pooled), vectors.flatten(1), means.mean(dim=1) * segments.lengths[:, None]
