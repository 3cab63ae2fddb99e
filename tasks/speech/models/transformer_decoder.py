"""A Transformer that writes: causal self-attention, attention to the encoded utterance."""

# B hypotheses, U units written, S positions of the memory, E model width, V units

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.build import build_attention
from suite.attention.choices.patterns import Causal, Full
from suite.attention.choices.positions import Rotary
from suite.attention.layers.blocks import DecoderBlock, FeedForward
from suite.attention.layers.multihead import KeyValue, MultiheadAttention
from suite.attention.operators.dropout import dropout
from suite.errors import UserError
from tasks.speech.models.conformer import Encoded


class TransformerMemory(NamedTuple):
    """Keys and values of the utterance for every block, and the mask of keys (B, 1, 1, S)."""

    blocks: tuple[KeyValue, ...]
    mask: Tensor


class TransformerDecoder(nn.Module):
    """Units so far and an utterance in, the next unit's scores out (Vaswani et al. 2017, with the norm first).

    logits[u] = W norm(blocks(embed(units[..u]), memory))

    Args:
        num_units: V.
        memory_dim: width of the encoder.
        attention: the four choices of the attention to the utterance; the units' own is causal, with rotary positions.
        pace: of a speller's steps; here every position is seen.

    Shape: see ``forward`` and ``step``. Raises UserError for an attention that goes from step to step (location-
    sensitive, monotonic, local-m), since this decoder asks all steps at once.
    """

    def __init__(
        self,
        num_units: int,
        memory_dim: int,
        attention: Mapping[str, Any],
        pace: float = 1.0,
        embed_dim: int = 144,
        num_layers: int = 2,
        num_heads: int = 4,
        hidden_dim: int = 576,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_units, embed_dim)
        nn.init.normal_(self.embedding.weight, std=embed_dim**-0.5)
        self.blocks = nn.ModuleList()
        for _ in range(num_layers):
            head_dim = embed_dim // num_heads
            own = Attention(pattern=Causal(), dropout=dropout)
            other = build_attention(attention, num_heads=num_heads, head_dim=head_dim)
            _check_parallel(other)
            self.blocks.append(
                DecoderBlock(
                    MultiheadAttention(embed_dim, num_heads, own, positions=[Rotary(head_dim)]),
                    MultiheadAttention(embed_dim, num_heads, other, memory_dim=memory_dim),
                    FeedForward(embed_dim, hidden_dim, dropout),
                    dropout,
                )
            )
        self.norm = nn.LayerNorm(embed_dim)
        self.output = nn.Linear(embed_dim, num_units)
        self.scale = embed_dim**0.5
        self.dropout = dropout

    def remember(self, encoded: Encoded) -> TransformerMemory:
        """What every step needs of the utterance, projected once."""
        return TransformerMemory(
            tuple(block.remember(encoded.memory) for block in self.blocks),  # type: ignore[operator]
            encoded.mask[:, None, None],
        )

    def forward(self, units: Tensor, memory: TransformerMemory) -> Tensor:
        """Scores of the next unit after each of ``units`` (B, U), the first of which is the start: -> (B, U, V)."""
        x = self._embed(units)
        for block, keys in zip(self.blocks, memory.blocks, strict=True):
            x = block(x, keys, memory_mask=memory.mask)
        return self.output(self.norm(x))

    def start(self, memory: TransformerMemory) -> tuple[KeyValue | None, ...]:
        """The state before the first unit."""
        return (None,) * len(self.blocks)

    def step(
        self, unit: Tensor, memory: TransformerMemory, state: tuple[KeyValue | None, ...]
    ) -> tuple[Tensor, tuple[KeyValue, ...]]:
        """The last unit (B,) and the state before it -> scores of the next (B, V), and the state behind it."""
        x, kept = self._embed(unit[:, None]), []
        for block, keys, cache in zip(self.blocks, memory.blocks, state, strict=True):
            cache = block.extend(x, cache)  # type: ignore[operator]
            kept.append(cache)
            x = block(x, keys, memory_mask=memory.mask, cache=cache)
        return self.output(self.norm(x[:, 0])), tuple(kept)

    @torch.no_grad()
    def weights(self, units: Tensor, memory: TransformerMemory) -> Tensor:
        """Where the last block looked while it wrote each of ``units``, mean of its heads: (B, U) -> (B, U, S)."""
        x = self._embed(units)
        *blocks, last = self.blocks
        for block, keys in zip(blocks, memory.blocks[:-1], strict=True):
            x = block(x, keys, memory_mask=memory.mask)
        assert isinstance(last, DecoderBlock)
        x = x + last.self_attention(last.self_norm(x)).context
        looked = last.cross_attention(
            last.cross_norm(x), cache=memory.blocks[-1], mask=memory.mask, need_weights=True
        ).weights
        assert looked is not None
        return looked.mean(dim=1)

    def _embed(self, units: Tensor) -> Tensor:
        return dropout(self.embedding(units) * self.scale, self.dropout, self.training)


def _check_parallel(attention: Attention) -> None:
    stateful = attention.score.stateful or attention.alignment.stateful
    stepped = attention.pattern.positional and not isinstance(attention.pattern, Full)
    if stateful or stepped:
        raise UserError(
            "this attention goes from step to step, and the Transformer decoder asks all steps at once. "
            "Choose model=speech/las, whose decoder goes step by step, or attention=additive"
        )
