"""Scores: how well a key matches a query."""

# B batch, H heads, L queries, S keys, D width of one head; N nodes, M edges

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from suite.attention.ragged.edges import Edges


class Score(nn.Module):
    """Base class: one score in both layouts.

    A subclass defines ``pairs``, the score of aligned queries and keys. The dense form (every query with every key) and
    the edge form (the pairs that edges connect) follow from it; a subclass overrides them if its equation allows a
    cheaper order of operations. ``suite.testing.AttentionContract`` tests a score of your own.

    Attributes:
        stateful: True if ``forward`` takes the weights of the previous step as ``previous``.
        wide: True if the dense form holds a hidden vector of every pair, (B, H, L, S, D).
        needs_order: True if the score depends on the positions of the keys, which edges and segments do not have.
        same_width: True if query and key must have the same width; ``Attention`` then checks it.

    >>> class Distance(Score):
    ...     def pairs(self, query, key):
    ...         return -(query - key).square().sum(-1)
    >>> Distance()(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 5, 4)).shape
    torch.Size([1, 2, 3, 5])
    """

    stateful = False
    wide = True
    needs_order = False
    same_width = False

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        """Score aligned rows: (..., H, D), (..., H, D) -> (..., H); leading dimensions broadcast."""
        raise NotImplementedError

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Score every query with every key: (B, H, L, D), (B, H, S, D) -> (B, H, L, S)."""
        scores = self.pairs(query.transpose(1, 2)[:, :, None], key.transpose(1, 2)[:, None])  # (B, L, S, H)
        return scores.permute(0, 3, 1, 2)

    def edges(self, query: Tensor, key: Tensor, edges: "Edges") -> Tensor:
        """Score along edges: query (N, H, D), key (S, H, D) -> (M, H), in the sorted order of ``edges``."""
        return self.pairs(edges.to_receivers(query), edges.to_senders(key))


def _head_vector(num_heads: int, head_dim: int) -> nn.Parameter:
    """A learnt vector per head, (H, D), initialised Glorot-uniform."""
    vector = nn.Parameter(torch.empty(num_heads, head_dim))
    nn.init.xavier_uniform_(vector.unsqueeze(0))  # with fans H and D, as in the published code of GAT
    return vector


class GATScore(Score):
    """The score of graph attention networks: a linear term of each side, then LeakyReLU.

    score[i, j] = LeakyReLU(a_query . query[i] + a_key . key[j])   (Velickovic et al. 2018, eq. 3)

    All queries rank the keys in the same order, which Brody et al. 2022 call static attention; ``GATv2Score`` does not
    have this restriction. The terms are computed per node, so scores cost O(N D + M), not O(M D).
    """

    wide = False
    same_width = True

    def __init__(self, num_heads: int, head_dim: int, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.query_vector = _head_vector(num_heads, head_dim)  # (H, D)
        self.key_vector = _head_vector(num_heads, head_dim)
        self.negative_slope = negative_slope

    def terms(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """The terms of query and key: (..., H, D), (..., H, D) -> (..., H), (..., H)."""
        return (query * self.query_vector).sum(-1), (key * self.key_vector).sum(-1)

    def node_terms(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """``terms`` of the nodes of a graph, (N, H) and (S, H); where query and key are one tensor, it is read once."""
        return self._shared_terms(key) if query is key else self.terms(query, key)

    def _shared_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``terms(x, x)`` for x (N, H, D) by one product with a block-diagonal (H * D, 2 * H) matrix."""
        vectors = torch.stack([self.query_vector.t(), self.key_vector.t()], dim=1)  # (D, 2, H)
        blocks = torch.diag_embed(vectors, dim1=0, dim2=3).view(-1, 2 * x.shape[1])  # from (H, D, 2, H)
        query_term, key_term = (x.flatten(1) @ blocks).chunk(2, dim=1)
        return query_term, key_term

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        query_term, key_term = self.terms(query, key)
        return F.leaky_relu(query_term + key_term, self.negative_slope)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        query_term, key_term = self.terms(query.transpose(1, 2), key.transpose(1, 2))  # (B, L, H), (B, S, H)
        scores = query_term.transpose(1, 2)[..., :, None] + key_term.transpose(1, 2)[..., None, :]
        return F.leaky_relu(scores, self.negative_slope)

    def edges(self, query: Tensor, key: Tensor, edges: "Edges") -> Tensor:
        query_term, key_term = self.node_terms(query, key)  # per node: N is smaller than M
        scores = edges.to_receivers(query_term) + edges.to_senders(key_term)
        return F.leaky_relu(scores, self.negative_slope, inplace=self.negative_slope > 0.0)


class GATv2Score(Score):
    """The score of GATv2: additive attention with LeakyReLU, so that every query can rank the keys differently.

    score[i, j] = a . LeakyReLU(query[i] + key[j])   (Brody et al. 2022, eq. 7)
    """

    same_width = True

    def __init__(self, num_heads: int, head_dim: int, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.vector = _head_vector(num_heads, head_dim)  # (H, D)
        self.negative_slope = negative_slope

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        return (F.leaky_relu(query + key, self.negative_slope) * self.vector).sum(-1)


class InnerProduct(Score):
    """Base class of inner-product scores: score[i, j] = scale q[i] . k[j], with q and k mapped from query and key.

    A subclass defines ``vectors``, ``scale`` or both. One matrix product computes such a score, so the fused paths
    serve all of them.
    """

    wide = False

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """q and k, whose inner product is the score: (..., H, T, D), (..., H, T, D), any leading dimensions."""
        return query, key

    def scale(self, width: int) -> float:
        """The factor of the inner product, given the width of a query; kernels apply it at no cost."""
        return 1.0

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        width = query.shape[-1]
        query, key = self.vectors(query.unsqueeze(-2), key.unsqueeze(-2))  # (..., H, 1, D)
        return (query * key).sum(-1).squeeze(-1) * self.scale(width)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        width = query.shape[-1]
        query, key = self.vectors(query, key)
        return (query * self.scale(width)) @ key.transpose(-2, -1)


class Scaled(InnerProduct):
    """The inner product times a constant: what is left of an inner-product score once its vectors are computed.

    score[i, j] = factor query[i] . key[j]
    """

    same_width = True

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def scale(self, width: int) -> float:
        return self.factor


class Dot(InnerProduct):
    """The inner product.

    score[i, j] = query[i] . key[j]   (Luong et al. 2015, sec. 3.1, "dot")

    >>> Dot()(torch.ones(1, 1, 2, 3), torch.ones(1, 1, 5, 3)).shape
    torch.Size([1, 1, 2, 5])
    """

    same_width = True


class ScaledDot(InnerProduct):
    """The inner product divided by the square root of its width, so that its variance does not grow with D.

    score[i, j] = query[i] . key[j] / sqrt(D)   (Vaswani et al. 2017, eq. 1)

    >>> ScaledDot()(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 5, 4))[0, 0, 0, 0]
    tensor(2.)
    """

    same_width = True

    def scale(self, width: int) -> float:
        return float(width**-0.5)


class General(InnerProduct):
    """The bilinear form with a learnt matrix per head.

    score[i, j] = query[i] . W key[j]   (Luong et al. 2015, sec. 3.1, "general"), W (H, D, D)

    W starts as the identity, which gives ``Dot``, plus small noise so that the heads differ.

    >>> General(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    same_width = True

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()
        noise = torch.randn(num_heads, head_dim, head_dim) * 0.02
        self.weight = nn.Parameter(torch.eye(head_dim) + noise)  # (H, D, D)

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return query @ self.weight.to(query.dtype), key


class Cosine(InnerProduct):
    """Content-based addressing: the cosine of the angle times a learnt sharpness.

    score[i, j] = beta cos(query[i], key[j])   (Graves et al. 2014, eq. 5-6), beta (H,) > 0

    In the paper a controller emits beta; here it is one parameter per head, kept positive by softplus, with the initial
    value ``sharpness``. Raises ValueError if that is not positive.

    >>> Cosine(num_heads=1, sharpness=3.0)(torch.ones(1, 1, 1, 4), 7 * torch.ones(1, 1, 1, 4)).round(decimals=4)
    tensor([[[[3.]]]], grad_fn=<RoundBackward1>)
    """

    same_width = True

    def __init__(self, num_heads: int, sharpness: float = 5.0) -> None:
        super().__init__()
        if sharpness <= 0:
            raise ValueError(f"sharpness must be positive, got {sharpness}")
        inverse = torch.full((num_heads, 1, 1), sharpness)
        inverse = inverse.expm1().log() if sharpness < 80.0 else inverse  # softplus^-1, which nears its argument
        self.log_sharpness = nn.Parameter(inverse)

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors; lengths are computed in float32 at least, since those of half precision round to 0 and inf."""
        q, k, sharpness = (x if x.dtype == torch.float64 else x.float() for x in (query, key, self.log_sharpness))
        sharpness = F.softplus(sharpness)
        return (F.normalize(q, dim=-1) * sharpness).to(query.dtype), F.normalize(k, dim=-1).to(key.dtype)


class Additive(Score):
    """Additive attention: a network with one hidden layer compares query and key.

    score[i, j] = v . tanh(query[i] + key[j] + b)   (Bahdanau et al. 2015, appendix A.1.2), v, b (H, D)

    ``query`` and ``key`` are already projected: the paper's W_a s and U_a h are the ``query_proj`` and ``key_proj`` of
    the layer. ``Concat`` has its own projections.

    >>> Additive(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    same_width = True

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.vector = _head_vector(num_heads, head_dim)
        self.bias = nn.Parameter(torch.zeros(num_heads, head_dim))

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        return (torch.tanh(query + key + self.bias) * self.vector).sum(-1)


class Concat(Score):
    """Luong's concat: a network with one hidden layer on the concatenated query and key.

    score[i, j] = v . tanh(W [query[i]; key[j]])   (Luong et al. 2015, sec. 3.1, "concat"), v (H, A), W (H, A, 2 D)

    W [q; k] = W_q q + W_k k, so the projections cost O(L + S), and only the sum is formed for every pair.
    ``hidden_dim`` is A, default D.

    >>> Concat(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    same_width = True

    def __init__(self, num_heads: int, head_dim: int, hidden_dim: int | None = None) -> None:
        super().__init__()
        hidden_dim = head_dim if hidden_dim is None else hidden_dim
        self.query_weight = nn.Parameter(torch.empty(num_heads, head_dim, hidden_dim))
        self.key_weight = nn.Parameter(torch.empty(num_heads, head_dim, hidden_dim))
        self.vector = _head_vector(num_heads, hidden_dim)
        for weight in (self.query_weight, self.key_weight):
            nn.init.uniform_(weight, -((2 * head_dim) ** -0.5), (2 * head_dim) ** -0.5)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        wide = torch.promote_types(query.dtype, self.query_weight.dtype)  # they differ under autocast
        query = torch.einsum("...hd,hda->...ha", query.to(wide), self.query_weight.to(wide))
        key = torch.einsum("...hd,hda->...ha", key.to(wide), self.key_weight.to(wide))
        return (torch.tanh(query + key) * self.vector).sum(-1)
