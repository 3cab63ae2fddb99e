"""The Conformer encoder: blocks of self-attention and convolution (Gulati et al. 2020)."""

# B utterances, T frames, S positions, F features, E model width

import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.layers.blocks import FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout
from tasks.speech.models.encoder import SelfAttentionEncoder, rotary_self_attention


class ConvolutionModule(nn.Module):
    """The convolution module of the Conformer.

    out = W_2 silu(norm(depthwise(glu(W_1 norm(x)))))   (Gulati et al. 2020, figure 2)

    The inner norm is a layer norm; the paper has a batch norm. With a layer norm the output of an utterance does not
    depend on the other utterances of the batch or on their padding.

    Shape: x (B, S, E), mask (B, S) -> (B, S, E).

    Raises:
        ValueError: if the kernel size is even.
    """

    def __init__(self, embed_dim: int, kernel_size: int = 15, dropout: float = 0.0) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that the output has as many positions; got {kernel_size}")
        self.norm, self.inner_norm = nn.LayerNorm(embed_dim), nn.LayerNorm(embed_dim)
        self.gate, self.output = nn.Linear(embed_dim, 2 * embed_dim), nn.Linear(embed_dim, embed_dim)
        self.depthwise = nn.Conv1d(embed_dim, embed_dim, kernel_size, padding=kernel_size // 2, groups=embed_dim)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = F.glu(self.gate(self.norm(x)), dim=-1) * mask[..., None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return dropout(self.output(F.silu(self.inner_norm(x))), self.dropout, self.training)


class ConformerBlock(nn.Module):
    """Half a feed-forward network, self-attention, convolution, half a feed-forward network, layer norm.

    x = x + ff_1(norm(x)) / 2;   x = x + attention(norm(x));   x = x + conv(x);   out = norm(x + ff_2(norm(x)) / 2)
    (Gulati et al. 2020, section 2.4)

    Shape: x (B, S, E), mask of keys (B, 1, 1, S) bool, True = inside the utterance -> (B, S, E).
    """

    def __init__(
        self, attention: MultiheadAttention, hidden_dim: int, kernel_size: int = 15, dropout: float = 0.0
    ) -> None:
        super().__init__()
        embed_dim = attention.output_proj.out_features
        self.attention, self.convolution = attention, ConvolutionModule(embed_dim, kernel_size, dropout)
        self.first, self.second = (FeedForward(embed_dim, hidden_dim, dropout) for _ in range(2))
        self.first_norm, self.attention_norm, self.second_norm, self.norm = (nn.LayerNorm(embed_dim) for _ in range(4))
        self.dropout = dropout

    def forward(self, x: Tensor, *, mask: Tensor) -> Tensor:
        x = x + 0.5 * self._drop(self.first(self.first_norm(x)))
        x = x + self._drop(self.attention(self.attention_norm(x), mask=mask).context)
        x = x + self.convolution(x, mask[:, 0, 0])
        return self.norm(x + 0.5 * self._drop(self.second(self.second_norm(x))))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


class Conformer(SelfAttentionEncoder):
    """Subsampling and Conformer blocks with rotary positions.

    Shape: features (B, T, F), lengths (B,) -> EncodedSpeech of width E with ceil(T / factor) positions.
    """

    def __init__(
        self,
        num_features: int,
        embed_dim: int = 144,
        num_layers: int = 8,
        num_heads: int = 4,
        hidden_dim: int = 576,
        kernel_size: int = 15,
        dropout: float = 0.1,
        factor: int = 4,
    ) -> None:
        def make_block() -> ConformerBlock:
            attention = rotary_self_attention(embed_dim, num_heads, dropout)
            return ConformerBlock(attention, hidden_dim, kernel_size, dropout)

        super().__init__(num_features, embed_dim, num_layers, dropout, factor, make_block)
