"""Networks that read documents: words attended into sentences, sentences into documents."""

# M words, T sentences, N documents, E width of a word, D width of an encoded row, H heads, C classes

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.documents.batch import Spelling
from tasks.documents.models.encoders import Recurrent


class Pool(Protocol):
    """A module that makes one vector of the rows of each segment; tasks/documents/pooling.py has some."""

    num_heads: int

    def __call__(self, x: Tensor, *, segments: Segments) -> AttentionOutput:
        """Pool (M, E) to (N, H E), with weights (M, H)."""
        ...


Pooling = Callable[[int], Pool]  # makes one for rows of the given width


class DocumentOutput(NamedTuple):
    """Class scores (N, C), and what the network attended to: words (M, H) of their sentence, sentences (T, H)."""

    logits: Tensor
    word_weights: Tensor | None
    sentence_weights: Tensor | None


class HierarchicalAttentionNet(nn.Module):
    """HAN (Yang et al. 2016, section 2.2): a bidirectional GRU and attention over words, the same over sentences.

    sentence = pool(GRU(words));   document = pool(GRU(sentences));   logits = W document + b

    Args:
        num_words, num_classes: from the data.
        pooling: makes the pooling of either level from the width it pools.
        embed_dim: E; the paper's 200.
        hidden_dim: of one direction of the GRUs; the paper's 50.
        dropout: on embeddings and on the document's vector, while training.

    Shape: words (M,) int64 in [0, num_words), segments of M words in T sentences and of T sentences in N documents ->
    DocumentOutput. A sentence or document that is empty is a vector of zeros.
    """

    def __init__(
        self,
        num_words: int,
        num_classes: int,
        pooling: Pooling,
        embed_dim: int = 200,
        hidden_dim: int = 50,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.embedding = nn.Embedding(num_words, embed_dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.word_encoder = Recurrent(embed_dim, hidden_dim)
        self.word_pooling = pooling(self.word_encoder.width)
        width = self.word_encoder.width * self.word_pooling.num_heads
        self.sentence_encoder = Recurrent(width, hidden_dim)
        self.sentence_pooling = pooling(self.sentence_encoder.width)
        self.output = nn.Linear(self.sentence_encoder.width * self.sentence_pooling.num_heads, num_classes)

    def forward(
        self, words: Tensor, sentences: Segments, documents: Segments, spelling: Spelling | None = None
    ) -> DocumentOutput:
        """Classify every document; how words are spelled is not looked at."""
        x = dropout(self.embedding(words), self.dropout, self.training)
        word = self.word_pooling(self.word_encoder(x, sentences), segments=sentences)
        sentence = self.sentence_pooling(self.sentence_encoder(word.context, documents), segments=documents)
        logits = self.output(dropout(sentence.context, self.dropout, self.training))
        return DocumentOutput(logits, word.weights, sentence.weights)


class SentenceNet(nn.Module):
    """A recurrent network over a short text as one sequence, pooled by its last state or by attention.

    logits = W pool(LSTM(words)) + b

    Args and shape as ``HierarchicalAttentionNet``; the weights of sentences are all 1, for there is no second level.
    """

    def __init__(
        self,
        num_words: int,
        num_classes: int,
        pooling: Pooling,
        embed_dim: int = 64,
        hidden_dim: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.embedding = nn.Embedding(num_words, embed_dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.encoder = Recurrent(embed_dim, hidden_dim, kind="lstm", bidirectional=False)
        self.pooling = pooling(self.encoder.width)
        self.output = nn.Linear(self.encoder.width * self.pooling.num_heads, num_classes)

    def forward(
        self, words: Tensor, sentences: Segments, documents: Segments, spelling: Spelling | None = None
    ) -> DocumentOutput:
        """Classify every document; how words are spelled is not looked at."""
        whole = Segments(sentences.offsets[documents.offsets])
        x = dropout(self.embedding(words), self.dropout, self.training)
        pooled = self.pooling(self.encoder(x, whole), segments=whole)
        logits = self.output(dropout(pooled.context, self.dropout, self.training))
        return DocumentOutput(logits, pooled.weights, logits.new_ones(len(sentences), 1))
