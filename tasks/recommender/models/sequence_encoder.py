"""The base of SASRec and BERT4Rec: self-attention over the items of a history."""

# B sequences, L events, E model width, I items (0 is padding), N positions with a target

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.build import build_attention
from suite.attention.capture import capture_weights
from suite.attention.choices.patterns import Pattern
from suite.attention.layers.blocks import EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout


class Pairs(NamedTuple):
    """Hidden states and their target items, the input of a loss.

    ``hidden`` (N, E): states of the positions with a target. ``targets`` (N,): the item that each state should score
    above all others, in 1..I.
    """

    hidden: Tensor
    targets: Tensor


class SequenceEncoder(nn.Module):
    """Item embeddings, learned positions, blocks of self-attention and a final layer norm.

    x = dropout(scale V[items] + P);   x = block_n(... block_1(x));   hidden = norm(x);   scores = hidden V^T

    A subclass defines ``pattern``, which is joined with the pattern of ``attention``, the number of ``extra_items``
    embedded after the real ones, which positions answer (``last``, ``place_of_answer``), and what training compares
    (``training_pairs``).

    Args:
        num_items, max_length, popularity: from the data; popularity (I + 1,) counts training events of each item.
        attention: config of ``suite.attention.build.build_attention``.
        embed_dim, num_blocks, num_heads, hidden_dim, dropout: width E and the shape of the blocks.
        scale: factor of the item embeddings; sqrt(E) in the code of SASRec's authors.

    Shape: items (B, L) ints, padded at the end with 0 -> hidden (B, L, E).

    Raises:
        ValueError: if dropout is outside [0, 1), ``num_blocks`` is less than 1, or the heads do not divide the width.
    """

    pattern: ClassVar[type[Pattern]]
    extra_items: ClassVar[int] = 0
    popularity: Tensor

    def __init__(
        self,
        num_items: int,
        max_length: int,
        popularity: Sequence[int],
        attention: Mapping[str, Any],
        embed_dim: int = 64,
        num_blocks: int = 2,
        num_heads: int = 2,
        hidden_dim: int = 256,
        dropout: float = 0.2,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
        if num_blocks < 1:
            raise ValueError(f"num_blocks must be at least 1, got {num_blocks}")
        self.num_items, self.dropout, self.scale = num_items, dropout, scale
        self.register_buffer("popularity", torch.tensor(popularity, dtype=torch.float32), persistent=False)
        self.items = nn.Embedding(num_items + 1 + self.extra_items, embed_dim, padding_idx=0)
        self.positions = nn.Parameter(torch.empty(max_length + 1, embed_dim))
        for table in (self.items.weight, self.positions):
            nn.init.normal_(table, std=0.02 if scale == 1.0 else embed_dim**-0.5)
        with torch.no_grad():
            self.items.weight[0] = 0.0

        def block() -> EncoderBlock:
            chosen = build_attention(attention, num_heads=num_heads, head_dim=embed_dim // num_heads)
            self.check_attention(chosen)
            chosen.pattern = chosen.pattern & self.pattern()
            heads = MultiheadAttention(embed_dim, num_heads, chosen)
            return EncoderBlock(heads, FeedForward(embed_dim, hidden_dim, dropout), dropout)

        self.blocks = nn.ModuleList(block() for _ in range(num_blocks))
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, items: Tensor) -> Tensor:
        """Encode histories: (B, L) -> (B, L, E)."""
        mask = self.mask(items)
        x = self.embed(items)
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.norm(x)

    def mask(self, items: Tensor) -> Tensor | None:
        """The attention mask of a batch, True = may attend; None if the pattern needs no mask for the padding."""
        return None

    def check_attention(self, attention: Attention) -> None:
        """Raise ValueError for choices that histories of any length cannot use."""
        if attention.pattern.fixed_size:
            raise ValueError(
                f"{type(attention.pattern).__name__} is built for one number of positions, and histories have any; "
                "set attention.pattern=full"
            )

    def attentions(self) -> list[Attention]:
        """The attention of each block."""
        return [part for part in self.blocks.modules() if isinstance(part, Attention)]

    def table(self) -> Tensor:
        """The embeddings that score items, (I + 1, E); row 0 is padding."""
        return self.items.weight[: self.num_items + 1]

    def embed(self, items: Tensor) -> Tensor:
        """The input of the first block: (B, L) -> (B, L, E)."""
        x = self.items(items)
        x = (x if self.scale == 1.0 else x * self.scale) + self.positions[: items.shape[1]]
        return dropout(x, self.dropout, self.training)

    def scores(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The score of each item as the next event: (B, L), (B,) -> (B, I + 1); column 0 is padding.

        The scores of an empty history are the popularity of the items.
        """
        scores = self.last(items, lengths.clamp(min=1)) @ self.table().t()
        empty = lengths == 0
        return torch.where(empty[:, None], self.popularity, scores) if bool(empty.any()) else scores

    def explain(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``scores``, and the weight of each event in the answer, (B, L): last block, mean over heads."""
        with capture_weights(self) as maps:
            scores = self.scores(items, lengths)
        weights = maps[f"blocks.{len(self.blocks) - 1}.attention"][-1].mean(1)  # (B, queries, keys)
        rows = torch.arange(len(items), device=items.device)
        asked = torch.zeros_like(lengths) if weights.shape[1] == 1 else self.place_of_answer(lengths)
        return scores, weights[rows, asked, : items.shape[1]]

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """The position (B,) whose state scores the next item."""
        raise NotImplementedError

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The hidden state (B, E) that scores the next item."""
        raise NotImplementedError

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """Hidden states and their targets, from windows of histories (B, L)."""
        raise NotImplementedError
