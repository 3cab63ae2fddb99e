"""The Transformer encoder for speech (Dong et al. 2018)."""

# B utterances, T frames, F features, E model width

from torch import nn

from suite.attention.layers.blocks import EncoderBlock, FeedForward
from tasks.speech.models.encoder import SelfAttentionEncoder, rotary_self_attention


class TransformerEncoder(SelfAttentionEncoder):
    """Subsampling and pre-norm Transformer blocks with rotary positions (Dong et al. 2018, without 2-D attention).

    Shape: features (B, T, F), lengths (B,) -> EncodedSpeech of width E with ceil(T / factor) positions.
    """

    def __init__(
        self,
        num_features: int,
        embed_dim: int = 144,
        num_layers: int = 8,
        num_heads: int = 4,
        hidden_dim: int = 576,
        dropout: float = 0.1,
        factor: int = 4,
    ) -> None:
        def make_block() -> EncoderBlock:
            attention = rotary_self_attention(embed_dim, num_heads, dropout)
            return EncoderBlock(attention, FeedForward(embed_dim, hidden_dim, dropout), dropout)

        super().__init__(num_features, embed_dim, num_layers, dropout, factor, make_block, nn.LayerNorm(embed_dim))
