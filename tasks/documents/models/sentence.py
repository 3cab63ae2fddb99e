"""A network for short texts that have no level of sentences."""

# M words, T sentences, N documents, E width of a word, C classes

from torch import Tensor, nn

from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.documents.batch import Spelling
from tasks.documents.models.encoders import Recurrent
from tasks.documents.models.output import DocumentOutput, Pooling, require_weights


class SentenceNet(nn.Module):
    """An LSTM over all words of a text as one sequence, pooled by its last state or by attention.

    logits = W pool(LSTM(words)) + b

    Args:
        num_words, num_classes: from the data.
        pooling: builds the pooling of words.
        embed_dim: E.
        hidden_dim: of the LSTM.
        dropout: of embeddings and of the pooled vector in training.

    Shape: as ``HierarchicalAttentionNet``; ``sentence_weights`` is None.
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
        """Classify the documents; ``spelling`` is not used."""
        whole = Segments(sentences.offsets[documents.offsets])
        x = dropout(self.embedding(words), self.dropout, self.training)
        pooled = self.pooling(self.encoder(x, whole), segments=whole)
        logits = self.output(dropout(pooled.context, self.dropout, self.training))
        return DocumentOutput(logits, require_weights(pooled), None)
