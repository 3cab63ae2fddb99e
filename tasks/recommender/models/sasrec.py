"""SASRec: causal self-attention over a user's history."""

# B sequences, L events, E model width, I items (0 is padding), N positions with a target

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.build import build_attention
from suite.attention.capture import capture_weights
from suite.attention.choices.patterns import Causal, Pattern
from suite.attention.layers.blocks import EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout


class Pairs(NamedTuple):
    """What a loss compares: hidden (N, E), and the items (N,) that they should score first."""

    hidden: Tensor
    targets: Tensor


class SequenceEncoder(nn.Module):
    """Embedded items, learnt positions, blocks of self-attention, a last norm; items are scored with their embedding.

    x = dropout(scale V[items] + P);   x = block_n(... block_1(x));   hidden = norm(x);   scores = hidden V^T

    A subclass says which positions answer what, which ``pattern`` joins the one that ``attention`` chooses, and how
    many ``extra_items`` it embeds behind the real ones.

    Args:
        num_items, max_length, popularity: from the data; popularity is (I + 1,).
        attention: the choices of ``suite.attention.build``.
        embed_dim, num_blocks, num_heads, hidden_dim, dropout: E, and the shape of the blocks.
        scale: multiplies embedded items; sqrt(E) in the authors' code.
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
            chosen.pattern = chosen.pattern & self.pattern()
            heads = MultiheadAttention(embed_dim, num_heads, chosen)
            return EncoderBlock(heads, FeedForward(embed_dim, hidden_dim, dropout), dropout)

        self.blocks = nn.ModuleList(block() for _ in range(num_blocks))
        self.norm = nn.LayerNorm(embed_dim)

    def patterns(self) -> list[Pattern]:
        """The pattern of every block."""
        return [part.pattern for part in self.blocks.modules() if isinstance(part, Attention)]

    def table(self) -> Tensor:
        """The embeddings that score items, (I + 1, E); row 0 is padding."""
        return self.items.weight[: self.num_items + 1]

    def embed(self, items: Tensor) -> Tensor:
        """The input of the first block, (B, L) -> (B, L, E)."""
        x = self.items(items)
        x = (x if self.scale == 1.0 else x * self.scale) + self.positions[: items.shape[1]]
        return dropout(x, self.dropout, self.training)

    def scores(self, items: Tensor, lengths: Tensor) -> Tensor:
        """How well every item goes on from each history: (B, L), (B,) -> (B, I + 1); column 0 is no item.

        An empty history says nothing of a person, so items then stand in the order of their popularity.
        """
        scores = self.last(items, lengths.clamp(min=1)) @ self.table().t()
        empty = lengths == 0
        return torch.where(empty[:, None], self.popularity, scores) if bool(empty.any()) else scores

    def explain(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``scores``, and how much the answer attended to each event: last block, mean of heads, (B, L)."""
        with capture_weights(self) as maps:
            scores = self.scores(items, lengths)
        weights = maps[f"blocks.{len(self.blocks) - 1}.attention"][-1].mean(1)  # (B, queries, keys)
        rows = torch.arange(len(items), device=items.device)
        asked = torch.zeros_like(lengths) if weights.shape[1] == 1 else self.place_of_answer(lengths)
        return scores, weights[rows, asked, : items.shape[1]]

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """The position (B,) whose state answers what comes next."""
        raise NotImplementedError

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The hidden state (B, E) that answers what comes next."""
        raise NotImplementedError

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """What training compares, from pieces of histories (B, L)."""
        raise NotImplementedError


class SASRec(SequenceEncoder):
    """Every event predicts the next from those before it (Kang & McAuley 2018, section III).

    Two differences from the paper, as in most strong forms since: the norm stands first in both halves of a block, and
    the feed-forward network has a width of its own. Padding stands behind, so a causal network needs no mask.

    Args: as ``SequenceEncoder``. Shape: items (B, L) ints, 0 = padding behind -> hidden (B, L, E).
    """

    pattern = Causal

    @property
    def last_row_only(self) -> bool:
        """Whether the last block may serve one row: under the plain causal pattern no other row looks at it."""
        return all(isinstance(pattern, Causal) for pattern in self.patterns())

    def forward(self, items: Tensor) -> Tensor:
        """Encode whole histories."""
        x = self.embed(items)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """All events but the last against all but the first."""
        targets = items[:, 1:].flatten()
        real = targets.nonzero()[:, 0]
        hidden = self(items[:, :-1]).flatten(0, 1)
        return Pairs(hidden.index_select(0, real), targets[real])

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """The last event."""
        return lengths.clamp(min=1) - 1

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The state of the last event; under the plain causal pattern the last block serves it alone."""
        rows = torch.arange(len(items), device=items.device)
        if not self.last_row_only:
            return self(items)[rows, lengths - 1]
        x = self.embed(items)
        *before, top = self.blocks
        for block in before:
            x = block(x)
        mask = torch.arange(items.shape[1], device=items.device) < lengths[:, None]
        assert isinstance(top, EncoderBlock)
        query = x[rows, lengths - 1][:, None]
        return self.norm(top(query, mask=mask[:, None, None], cache=top.extend(x)))[:, 0]
