"""Score functions: how well a key answers a query. One small class each."""

# B batch, H heads, L queries, S keys, D width of one head; N nodes, M edges

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from suite.attention.edges import Edges


class Score(nn.Module):
    """The equation of one score, usable in both layouts.

    A subclass writes ``pairs``: the score of queries and keys that stand side by side. From it follow the dense form
    (every query with every key) and the edge form (the pairs that edges name); a subclass overrides these where its
    equation allows a cheaper order of operations.
    """

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        """Score aligned rows: (..., H, D), (..., H, D) -> (..., H), leading dimensions broadcast."""
        raise NotImplementedError

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Score every query with every key: (B, H, L, D), (B, H, S, D) -> (B, H, L, S)."""
        scores = self.pairs(query.transpose(1, 2)[:, :, None], key.transpose(1, 2)[:, None])  # (B, L, S, H)
        return scores.permute(0, 3, 1, 2)

    def edges(self, query: Tensor, key: Tensor, edges: "Edges") -> Tensor:
        """Score along edges: query (N, H, D), key (S, H, D) -> (M, H), in the sorted order of ``edges``."""
        return self.pairs(edges.to_receivers(query), edges.to_senders(key))


def _head_vector(num_heads: int, head_dim: int) -> nn.Parameter:
    """One learnt vector a head, (H, D), Glorot-uniform as if it mapped D inputs to one output."""
    vector = nn.Parameter(torch.empty(num_heads, head_dim))
    nn.init.xavier_uniform_(vector.unsqueeze(0))  # fans (H, D): the published GAT codes' convention
    return vector


class GATScore(Score):
    """Graph attention's score: a linear sum of both sides, then LeakyReLU.

    score[i, j] = LeakyReLU(a_query . query[i] + a_key . key[j])   (Velickovic et al. 2018, eq. 3)

    The order of ``key`` alone decides the order of the scores, whatever the query: Brody et al. 2022 call this static
    attention; ``GATv2Score`` removes the restriction. Since the sum splits, scores cost O(N + M), not O(M D).
    """

    def __init__(self, num_heads: int, head_dim: int, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.query_vector = _head_vector(num_heads, head_dim)  # (H, D)
        self.key_vector = _head_vector(num_heads, head_dim)
        self.negative_slope = negative_slope

    def terms(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the sum: (..., H, D), (..., H, D) -> (..., H), (..., H)."""
        return (query * self.query_vector).sum(-1), (key * self.key_vector).sum(-1)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        query_term, key_term = self.terms(query, key)
        return F.leaky_relu(query_term + key_term, self.negative_slope)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        query_term, key_term = self.terms(query.transpose(1, 2), key.transpose(1, 2))  # (B, L, H), (B, S, H)
        scores = query_term.transpose(1, 2)[..., :, None] + key_term.transpose(1, 2)[..., None, :]
        return F.leaky_relu(scores, self.negative_slope)

    def edges(self, query: Tensor, key: Tensor, edges: "Edges") -> Tensor:  # noqa: D102
        query_term, key_term = self.terms(query, key)  # over nodes first: N is smaller than M
        return F.leaky_relu(edges.to_receivers(query_term) + edges.to_senders(key_term), self.negative_slope)


class GATv2Score(Score):
    """Additive attention with LeakyReLU for tanh, so that every query may rank the keys in its own way.

    score[i, j] = a . LeakyReLU(query[i] + key[j])   (Brody et al. 2022, eq. 7)
    """

    def __init__(self, num_heads: int, head_dim: int, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.vector = _head_vector(num_heads, head_dim)  # (H, D)
        self.negative_slope = negative_slope

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        return (F.leaky_relu(query + key, self.negative_slope) * self.vector).sum(-1)
