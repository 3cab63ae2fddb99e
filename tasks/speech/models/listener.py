"""The listener of Listen, Attend and Spell: a bidirectional LSTM behind convolutions (Chan et al. 2016)."""

# B utterances, T frames, F features, E = 2 hidden_dim

from torch import Tensor, nn

from tasks.speech.models.bidirectional_lstm import BidirectionalLSTM
from tasks.speech.models.encoder import EncodedSpeech, SpeechEncoder, Subsampling, length_mask


class Listener(SpeechEncoder):
    """Subsampling, a bidirectional LSTM and layer norm.

    Chan et al. 2016 halve the number of positions between LSTM layers (a pyramid); here convolutions do it before the
    first layer.

    Args:
        num_features: F.
        hidden_dim: width of one direction; the output has E = 2 hidden_dim.
        num_layers: LSTM layers.
        dropout: after the subsampling and between layers.
        factor: see ``Subsampling``.

    Shape: features (B, T, F), lengths (B,) -> EncodedSpeech of width E with ceil(T / factor) positions.
    """

    def __init__(
        self, num_features: int, hidden_dim: int = 128, num_layers: int = 3, dropout: float = 0.1, factor: int = 4
    ) -> None:
        super().__init__()
        self.embed_dim, self.factor = 2 * hidden_dim, factor
        self.subsampling = Subsampling(num_features, self.embed_dim, factor, dropout)
        self.lstm = BidirectionalLSTM(self.embed_dim, hidden_dim, num_layers, dropout)
        self.norm = nn.LayerNorm(self.embed_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> EncodedSpeech:
        x, lengths = self.subsampling(features, lengths)
        x = self.lstm(x, lengths)
        return EncodedSpeech(self.norm(x) * length_mask(lengths, x.shape[1])[..., None], lengths)
