"""Hierarchical attention that weighs evidence: what phrases say of the classes, attended in their context."""

# M words, T sentences, N documents, E width of a word, C classes

import torch
from torch import Tensor, nn

from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.documents.batch import Spelling
from tasks.documents.models.encoders import beside
from tasks.documents.models.hierarchical import DocumentOutput, Pool, Pooling
from tasks.documents.models.ngram_evidence import NgramEvidence


class EvidenceAttentionNet(nn.Module):
    """Words and sentences are attended as in HAN; what they hand on is a vector and their evidence for the classes.

    hidden[i] = ReLU(L[word i - 1] + O[word i] + R[word i + 1] + b)       a convolution over one-hot words
    evidence[i] = learnt weights * naive Bayes ratios of the runs ending in word i         (``NgramEvidence``)
    (sentence, its evidence) = attention over words of (hidden, evidence), the evidence times the number of words
    (document, its evidence) = attention over sentences of the same, the evidence times the number of sentences
    logits = W document + b + its evidence

    With equal weights everywhere the evidence of a document is the sum over its words, which is NB-SVM (Wang & Manning
    2012) with logistic loss; attention says, in context, which words and sentences count more. The convolution is that
    of Johnson & Zhang 2015, section 2.2: three tables of embeddings and no product.

    Args:
        num_words, num_classes: from the data.
        pooling: makes the pooling of either level from the width it pools.
        embed_dim: E.
        max_ngrams, min_count: of ``NgramEvidence``.
        dropout: on hidden vectors and the document's vector; ``word_dropout`` makes words unknown; while training.

    Shape: as ``HierarchicalAttentionNet``. ``observe`` must see the training part before training.
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
        self.observe = self.evidence.observe

    def forward(
        self, words: Tensor, sentences: Segments, documents: Segments, spelling: Spelling | None = None
    ) -> DocumentOutput:
        """Classify every document."""
        if self.training and self.word_dropout:
            words = words * (torch.rand(words.shape, device=words.device) >= self.word_dropout)
        hidden = beside(self.left(words), self.own(words), self.right(words), sentences).add(self.bias).relu()
        hidden = dropout(hidden, self.dropout, self.training)
        evidence = self.evidence(words, sentences, documents, spelling)
        word, sentence, said = self._attend(self.word_pooling, hidden, evidence, sentences)
        weights, document, said = self._attend(self.sentence_pooling, sentence, said, documents)
        logits = self.output(dropout(document, self.dropout, self.training)) + said
        return DocumentOutput(logits, word, weights)

    def _attend(
        self, pooling: Pool, x: Tensor, evidence: Tensor, segments: Segments
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Weights, pooled vectors of all heads, and the evidence of each segment, the mean over heads."""
        context, weights = pooling(torch.cat([x, evidence], dim=1), segments=segments)
        joint = context.unflatten(1, (pooling.num_heads, -1))
        vectors, shares = joint.split([x.shape[1], evidence.shape[1]], dim=2)
        return weights, vectors.flatten(1), shares.mean(dim=1) * segments.lengths[:, None]
