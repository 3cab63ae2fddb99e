"""Encoders: convolutions that keep a part of the frames, then a Conformer, a Transformer or a recurrent listener."""

# B utterances, T frames, S positions (a quarter of the frames or fewer), F features, E model width

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.positions import Rotary
from suite.attention.layers.blocks import EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout
from tasks.speech.models.bidirectional_lstm import BidirectionalLSTM


class Encoded(NamedTuple):
    """An encoded batch: ``memory`` (B, S, E), 0 beyond ``lengths`` (B,)."""

    memory: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """True where an utterance is, (B, S)."""
        return within(self.lengths, self.memory.shape[1])


def within(lengths: Tensor, size: int) -> Tensor:
    """True for the first ``lengths[b]`` of ``size`` positions: (B,) -> (B, size)."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class Subsampling(nn.Module):
    """Convolutions of width 3 and stride 2 over time: ``factor`` frames become one position.

    x = gelu(conv(x)), once for every power of 2 in the factor, then layer norm and dropout. What lies beyond an
    utterance is set to 0 before each, which is what the convolution itself sees beyond a batch that is cut to length;
    so padding changes nothing.

    Shape: features (B, T, F), lengths (B,) -> (B, ceil(T / factor), E), ceil(lengths / factor). Raises ValueError for a
    factor that is no power of 2.
    """

    def __init__(self, num_features: int, embed_dim: int, factor: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        halvings = factor.bit_length() - 1
        if factor < 2 or factor != 1 << halvings:
            raise ValueError(f"the factor of subsampling must be a power of 2, got {factor}")
        self.convs = nn.ModuleList(
            nn.Conv1d(embed_dim if n else num_features, embed_dim, kernel_size=3, stride=2, padding=1)
            for n in range(halvings)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.dropout = dropout

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        x = features.transpose(1, 2)
        for conv in self.convs:
            x = F.gelu(conv(x.masked_fill(~within(lengths, x.shape[2])[:, None], 0.0)))
            lengths = (lengths + 1) // 2
        x = self.norm(x.transpose(1, 2))
        return dropout(x, self.dropout, self.training), lengths


class ConvolutionModule(nn.Module):
    """The Conformer's convolution: what neighbours say, between two gates.

    x = W_2 silu(norm(depthwise(glu(W_1 norm(x)))))   (Gulati et al. 2020, figure 2)

    Layer norm stands for the paper's batch norm: it does not depend on the other utterances of a batch, nor on their
    padding. Shape: x (B, S, E), mask (B, S) -> (B, S, E).
    """

    def __init__(self, embed_dim: int, kernel_size: int = 15, dropout: float = 0.0) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that a filter has a middle; got {kernel_size}")
        self.norm, self.inner_norm = nn.LayerNorm(embed_dim), nn.LayerNorm(embed_dim)
        self.gate, self.output = nn.Linear(embed_dim, 2 * embed_dim), nn.Linear(embed_dim, embed_dim)
        self.depthwise = nn.Conv1d(embed_dim, embed_dim, kernel_size, padding=kernel_size // 2, groups=embed_dim)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        x = F.glu(self.gate(self.norm(x)), dim=-1) * mask[..., None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return dropout(self.output(F.silu(self.inner_norm(x))), self.dropout, self.training)


class ConformerBlock(nn.Module):
    """Half a feed-forward network, self-attention, convolution, the other half (Gulati et al. 2020, section 2.4).

    x = x + ff_1(x) / 2;   x = x + attention(norm(x));   x = x + conv(x);   out = norm(x + ff_2(x) / 2)

    Shape: x (B, S, E), mask (B, S) bool, True = within the utterance -> (B, S, E).
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

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        x = x + 0.5 * self._drop(self.first(self.first_norm(x)))
        x = x + self._drop(self.attention(self.attention_norm(x), mask=mask[:, None, None]).context)
        x = x + self.convolution(x, mask)
        return self.norm(x + 0.5 * self._drop(self.second(self.second_norm(x))))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


class Conformer(nn.Module):
    """Subsampling and Conformer blocks with rotary positions.

    Shape: features (B, T, F), lengths (B,) -> Encoded of E and ceil(T / factor) positions.
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
        super().__init__()
        self.embed_dim, self.factor = embed_dim, factor
        self.subsampling = Subsampling(num_features, embed_dim, factor, dropout)
        self.blocks = nn.ModuleList(
            ConformerBlock(self_attention(embed_dim, num_heads, dropout), hidden_dim, kernel_size, dropout)
            for _ in range(num_layers)
        )

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:  # noqa: D102
        x, lengths = self.subsampling(features, lengths)
        mask = within(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, mask)
        return Encoded(x * mask[..., None], lengths)


class Transformer(nn.Module):
    """Subsampling and the core's encoder blocks with rotary positions (Dong et al. 2018, without 2-D attention).

    Shape as ``Conformer``.
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
        super().__init__()
        self.embed_dim, self.factor = embed_dim, factor
        self.subsampling = Subsampling(num_features, embed_dim, factor, dropout)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                self_attention(embed_dim, num_heads, dropout), FeedForward(embed_dim, hidden_dim, dropout), dropout
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:  # noqa: D102
        x, lengths = self.subsampling(features, lengths)
        mask = within(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, mask=mask[:, None, None])
        return Encoded(self.norm(x) * mask[..., None], lengths)


class Listener(nn.Module):
    """Subsampling and a bidirectional LSTM: the listener of Chan et al. 2016 with convolutions for its pyramid.

    Shape as ``Conformer``; ``hidden_dim`` is of one direction, so E = 2 hidden_dim.
    """

    def __init__(
        self, num_features: int, hidden_dim: int = 128, num_layers: int = 3, dropout: float = 0.1, factor: int = 4
    ) -> None:
        super().__init__()
        self.embed_dim, self.factor = 2 * hidden_dim, factor
        self.subsampling = Subsampling(num_features, self.embed_dim, factor, dropout)
        self.lstm = BidirectionalLSTM(self.embed_dim, hidden_dim, num_layers, dropout)
        self.norm = nn.LayerNorm(self.embed_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:  # noqa: D102
        x, lengths = self.subsampling(features, lengths)
        x = self.lstm(x, lengths)
        return Encoded(self.norm(x) * within(lengths, x.shape[1])[..., None], lengths)


EncoderFactory = Callable[[int], nn.Module]  # makes an encoder for the given number of features


def self_attention(embed_dim: int, num_heads: int, dropout: float) -> MultiheadAttention:
    """Scaled dot products with rotary positions: what stands where is told by distance."""
    return MultiheadAttention(
        embed_dim, num_heads, Attention(dropout=dropout), positions=[Rotary(embed_dim // max(num_heads, 1))]
    )
