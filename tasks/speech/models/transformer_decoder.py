"""The Transformer decoder: causal self-attention, and attention to the encoded utterance (Vaswani et al. 2017)."""

# B hypotheses, U units, S positions of the memory, E model width, V number of units

from typing import NamedTuple

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
from tasks.speech.models.decoder import AttentionChoices, SpeechDecoder
from tasks.speech.models.encoder import EncodedSpeech


class TransformerMemory(NamedTuple):
    """Keys and values of the utterance for every block, and the mask of keys (B, 1, 1, S)."""

    blocks: tuple[KeyValue, ...]
    mask: Tensor


class TransformerDecoder(SpeechDecoder):
    """Pre-norm Transformer decoder with rotary positions.

    logits[u] = W norm(blocks(embed(units[..u]), memory))   (Vaswani et al. 2017, section 3.1)

    Args:
        num_units: V.
        memory_dim: width of the encoder.
        attention: score, alignment, pattern and dropout of the attention to the utterance. The self-attention is
            always causal with scaled dot products.
        positions_per_unit: ignored; ``Speller`` needs it.
        embed_dim: E.
        num_layers, num_heads: of the blocks.
        hidden_dim: of the feed-forward networks.
        dropout: of embeddings, self-attention and blocks.

    Raises:
        UserError: for an attention whose steps depend on earlier steps or on the step number (location-sensitive,
            monotonic, local_monotonic), because all steps are computed at once.
    """

    def __init__(
        self,
        num_units: int,
        memory_dim: int,
        attention: AttentionChoices,
        positions_per_unit: float = 1.0,
        embed_dim: int = 144,
        num_layers: int = 2,
        num_heads: int = 4,
        hidden_dim: int = 576,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.attention_layer = f"blocks.{num_layers - 1}.cross_attention"
        self.embedding = nn.Embedding(num_units, embed_dim)
        nn.init.normal_(self.embedding.weight, std=embed_dim**-0.5)
        self.blocks = nn.ModuleList()
        for _ in range(num_layers):
            head_dim = embed_dim // num_heads
            causal = Attention(pattern=Causal(), dropout=dropout)
            cross = build_attention(attention, num_heads=num_heads, head_dim=head_dim)
            _check_parallel(cross)
            self.blocks.append(
                DecoderBlock(
                    MultiheadAttention(embed_dim, num_heads, causal, positions=[Rotary(head_dim)]),
                    MultiheadAttention(embed_dim, num_heads, cross, memory_dim=memory_dim),
                    FeedForward(embed_dim, hidden_dim, dropout),
                    dropout,
                )
            )
        self.norm = nn.LayerNorm(embed_dim)
        self.output = nn.Linear(embed_dim, num_units)
        self.scale = embed_dim**0.5
        self.dropout = dropout

    def project_memory(self, encoded: EncodedSpeech) -> TransformerMemory:
        return TransformerMemory(
            tuple(block.remember(encoded.memory) for block in self.blocks),  # type: ignore[operator]
            encoded.mask[:, None, None],
        )

    def forward(self, units: Tensor, memory: TransformerMemory) -> Tensor:
        x = self._embed(units)
        for block, keys in zip(self.blocks, memory.blocks, strict=True):
            x = block(x, keys, memory_mask=memory.mask)
        return self.output(self.norm(x))

    def start(self, memory: TransformerMemory) -> tuple[KeyValue | None, ...]:
        return (None,) * len(self.blocks)

    def step(
        self, unit: Tensor, memory: TransformerMemory, state: tuple[KeyValue | None, ...]
    ) -> tuple[Tensor, tuple[KeyValue, ...]]:
        x, caches = self._embed(unit[:, None]), []
        for block, keys, cache in zip(self.blocks, memory.blocks, state, strict=True):
            cache = block.extend(x, cache)  # type: ignore[operator]
            caches.append(cache)
            x = block(x, keys, memory_mask=memory.mask, cache=cache)
        return self.output(self.norm(x[:, 0])), tuple(caches)

    @torch.no_grad()
    def attention_weights(self, units: Tensor, memory: TransformerMemory) -> Tensor:
        x = self._embed(units)
        *blocks, last = self.blocks
        for block, keys in zip(blocks, memory.blocks[:-1], strict=True):
            x = block(x, keys, memory_mask=memory.mask)
        assert isinstance(last, DecoderBlock)
        x = x + last.self_attention(last.self_norm(x)).context
        weights = last.cross_attention(
            last.cross_norm(x), cache=memory.blocks[-1], mask=memory.mask, need_weights=True
        ).weights
        assert weights is not None
        return weights.mean(dim=1)

    def _embed(self, units: Tensor) -> Tensor:
        return dropout(self.embedding(units) * self.scale, self.dropout, self.training)


def _check_parallel(attention: Attention) -> None:
    stateful = attention.score.stateful or attention.alignment.stateful
    stepwise = attention.pattern.positional and not isinstance(attention.pattern, Full)
    if stateful or stepwise:
        raise UserError(
            "the Transformer decoder computes all steps at once, and this attention depends on the previous step or on "
            "the step number. Choose model=speech/las, which decodes step by step, or attention=additive"
        )
    if attention.alignment.couples_queries:
        raise UserError(
            f"{type(attention.alignment).__name__} balances as many queries as keys, and a text has another length "
            "than its utterance. Choose attention=additive"
        )
