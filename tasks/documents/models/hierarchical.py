"""The hierarchical attention network (Yang et al. 2016)."""

# M words, T sentences, N documents, E width of a word, C classes

from torch import Tensor, nn

from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.documents.batch import Spelling
from tasks.documents.models.encoders import Recurrent
from tasks.documents.models.output import DocumentOutput, Pooling, require_weights


class HierarchicalAttentionNet(nn.Module):
    """HAN (Yang et al. 2016, section 2.2): a bidirectional GRU and attention over words, the same over sentences.

    sentence = pool(GRU(words));   document = pool(GRU(sentences));   logits = W document + b

    Args:
        num_words, num_classes: from the data.
        pooling: builds the pooling of words and the pooling of sentences.
        embed_dim: E; 200 in the paper.
        hidden_dim: of one direction of the GRUs; 50 in the paper.
        dropout: of embeddings and document vectors in training.

    Shape: words (M,) int64 in [0, num_words), T segments of the words, N segments of the sentences -> DocumentOutput.
    An empty sentence and an empty document are vectors of zeros.
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
        """Classify the documents; ``spelling`` is not used."""
        x = dropout(self.embedding(words), self.dropout, self.training)
        word = self.word_pooling(self.word_encoder(x, sentences), segments=sentences)
        sentence = self.sentence_pooling(self.sentence_encoder(word.context, documents), segments=documents)
        logits = self.output(dropout(sentence.context, self.dropout, self.training))
        return DocumentOutput(logits, require_weights(word), sentence.weights)
