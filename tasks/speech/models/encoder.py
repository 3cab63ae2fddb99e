"""Base classes of the encoders: convolutional subsampling, and a stack of self-attention blocks behind it."""

# B utterances, T frames, S = ceil(T / factor) positions, F features, E model width

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.positions import Rotary
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout


class EncodedSpeech(NamedTuple):
    """Encoder output: ``memory`` (B, S, E), which is 0 beyond ``lengths`` (B,)."""

    memory: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """True for positions inside the utterance, (B, S)."""
        return length_mask(self.lengths, self.memory.shape[1])


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Return a mask that is True for the first ``lengths[b]`` of ``size`` positions: (B,) -> (B, size).

    >>> length_mask(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class SpeechEncoder(nn.Module):
    """Base class of the encoders.

    Attributes:
        embed_dim: width E of the output.
        factor: number of frames for each output position.
    """

    embed_dim: int
    factor: int

    def forward(self, features: Tensor, lengths: Tensor) -> EncodedSpeech:
        """Encode features (B, T, F) of which utterance b has ``lengths[b]`` frames."""
        raise NotImplementedError


class Subsampling(nn.Module):
    """Convolutions of width 3 and stride 2 over time, which turn ``factor`` frames into one position.

    x = gelu(conv(x)), repeated log2(factor) times; then layer norm and dropout. Positions beyond the length are set
    to 0 before each convolution, so the amount of padding does not change the output.

    Shape: features (B, T, F), lengths (B,) -> (B, S, E), ceil(lengths / factor).

    Raises:
        ValueError: if the factor is not a power of 2, at least 2.
    """

    def __init__(self, num_features: int, embed_dim: int, factor: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        halvings = factor.bit_length() - 1
        if factor < 2 or factor != 1 << halvings:
            raise ValueError(f"factor must be a power of 2, at least 2, got {factor}")
        self.convs = nn.ModuleList(
            nn.Conv1d(embed_dim if n else num_features, embed_dim, kernel_size=3, stride=2, padding=1)
            for n in range(halvings)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.dropout = dropout

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = features.transpose(1, 2)
        for conv in self.convs:
            x = F.gelu(conv(x.masked_fill(~length_mask(lengths, x.shape[2])[:, None], 0.0)))
            lengths = (lengths + 1) // 2
        x = self.norm(x.transpose(1, 2))
        return dropout(x, self.dropout, self.training), lengths


class SelfAttentionEncoder(SpeechEncoder):
    """Subsampling, a stack of self-attention blocks, and an optional final norm.

    out = norm(block_n(... block_1(subsampling(features))))

    Args:
        num_features: F.
        embed_dim: E.
        num_layers: number of blocks.
        dropout: after the subsampling.
        factor: see ``Subsampling``.
        make_block: makes one block, which is called as ``block(x, mask=mask)`` with x (B, S, E) and a mask of keys
            (B, 1, 1, S).
        final_norm: applied to the output of the last block; None for blocks that end with a norm.

    Shape: features (B, T, F), lengths (B,) -> EncodedSpeech.
    """

    def __init__(
        self,
        num_features: int,
        embed_dim: int,
        num_layers: int,
        dropout: float,
        factor: int,
        make_block: Callable[[], nn.Module],
        final_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.embed_dim, self.factor = embed_dim, factor
        self.subsampling = Subsampling(num_features, embed_dim, factor, dropout)
        self.blocks = nn.ModuleList(make_block() for _ in range(num_layers))
        self.norm = nn.Identity() if final_norm is None else final_norm

    def forward(self, features: Tensor, lengths: Tensor) -> EncodedSpeech:
        x, lengths = self.subsampling(features, lengths)
        mask = length_mask(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, mask=mask[:, None, None])
        return EncodedSpeech(self.norm(x) * mask[..., None], lengths)


def rotary_self_attention(embed_dim: int, num_heads: int, dropout: float) -> MultiheadAttention:
    """Return multi-head attention with scaled dot products and rotary positions."""
    return MultiheadAttention(
        embed_dim, num_heads, Attention(dropout=dropout), positions=[Rotary(embed_dim // max(num_heads, 1))]
    )
