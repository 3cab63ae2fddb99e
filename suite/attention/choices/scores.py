"""Score functions: how well a key answers a query. One small class each."""

# B batch, H heads, L queries, S keys, D width of one head; N nodes, M edges

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from suite.attention.ragged.edges import Edges


class Score(nn.Module):
    """The equation of one score, usable in both layouts.

    A subclass writes ``pairs``: the score of queries and keys that stand side by side. From it follow the dense form
    (every query with every key) and the edge form (the pairs that edges name); a subclass overrides these where its
    equation allows a cheaper order of operations. A ``stateful`` score takes the weights of the last step as
    ``previous``; ``wide`` says that the dense form holds a hidden vector of every pair, (B, H, L, S, D).
    """

    stateful = False
    wide = True

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

    wide = False

    def __init__(self, num_heads: int, head_dim: int, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.query_vector = _head_vector(num_heads, head_dim)  # (H, D)
        self.key_vector = _head_vector(num_heads, head_dim)
        self.negative_slope = negative_slope

    def terms(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the sum: (..., H, D), (..., H, D) -> (..., H), (..., H)."""
        return (query * self.query_vector).sum(-1), (key * self.key_vector).sum(-1)

    def node_terms(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """``terms`` of the nodes of a graph, (N, H) and (S, H); where they are the same, x is read once."""
        return self._shared_terms(key) if query is key else self.terms(query, key)

    def _shared_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``terms(x, x)`` for x (N, H, D), reading x once: one product with a block-diagonal (H * D, 2 * H) matrix."""
        vectors = torch.stack([self.query_vector.t(), self.key_vector.t()], dim=1)  # (D, 2, H)
        blocks = torch.diag_embed(vectors, dim1=0, dim2=3).view(-1, 2 * x.shape[1])  # from (H, D, 2, H)
        query_term, key_term = (x.flatten(1) @ blocks).chunk(2, dim=1)
        return query_term, key_term

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        query_term, key_term = self.terms(query, key)
        return F.leaky_relu(query_term + key_term, self.negative_slope)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        query_term, key_term = self.terms(query.transpose(1, 2), key.transpose(1, 2))  # (B, L, H), (B, S, H)
        scores = query_term.transpose(1, 2)[..., :, None] + key_term.transpose(1, 2)[..., None, :]
        return F.leaky_relu(scores, self.negative_slope)

    def edges(self, query: Tensor, key: Tensor, edges: "Edges") -> Tensor:  # noqa: D102
        query_term, key_term = self.node_terms(query, key)  # over nodes first: N is smaller than M
        scores = edges.to_receivers(query_term) + edges.to_senders(key_term)
        return F.leaky_relu(scores, self.negative_slope, inplace=self.negative_slope > 0.0)


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


class InnerProduct(Score):
    """A score that is an inner product once both sides have been mapped: score[i, j] = scale q[i] . k[j].

    A subclass writes ``vectors``, ``scale`` or both. Every such score can be computed by one matrix product, so the
    fused paths serve all of them alike.
    """

    wide = False

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """The two sides whose inner product is the score: (..., H, T, D), (..., H, T, D), any leading dimensions."""
        return query, key

    def scale(self, width: int) -> float:
        """What an inner product of queries of this width is multiplied with: apart, since kernels do it for nothing."""
        return 1.0

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        width = query.shape[-1]
        query, key = self.vectors(query.unsqueeze(-2), key.unsqueeze(-2))  # (..., H, 1, D)
        return (query * key).sum(-1).squeeze(-1) * self.scale(width)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        width = query.shape[-1]
        query, key = self.vectors(query, key)
        return (query * self.scale(width)) @ key.transpose(-2, -1)


class Dot(InnerProduct):
    """The plain inner product.

    score[i, j] = query[i] . key[j]   (Luong et al. 2015, sec. 3.1, "dot")

    >>> Dot()(torch.ones(1, 1, 2, 3), torch.ones(1, 1, 5, 3)).shape
    torch.Size([1, 1, 2, 5])
    """


class ScaledDot(InnerProduct):
    """The inner product over the square root of its width, so that its variance does not grow with D.

    score[i, j] = query[i] . key[j] / sqrt(D)   (Vaswani et al. 2017, eq. 1)

    >>> ScaledDot()(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 5, 4))[0, 0, 0, 0]
    tensor(2.)
    """

    def scale(self, width: int) -> float:  # noqa: D102
        return float(width**-0.5)


class General(InnerProduct):
    """The bilinear form with one learnt matrix a head.

    score[i, j] = query[i] . W key[j]   (Luong et al. 2015, sec. 3.1, "general"), W (H, D, D)

    Starts as the identity, that is as ``Dot``, plus a little noise that tells the heads apart.

    >>> General(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()
        noise = torch.randn(num_heads, head_dim, head_dim) * 0.02
        self.weight = nn.Parameter(torch.eye(head_dim) + noise)  # (H, D, D)

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        return query @ self.weight.to(query.dtype), key


class Cosine(InnerProduct):
    """Content-based addressing: the cosine of the angle, times a learnt sharpness.

    score[i, j] = beta cos(query[i], key[j])   (Graves et al. 2014, eq. 5-6), beta (H,) > 0

    Graves' controller emits beta; here it is one parameter a head, kept positive by softplus. ``sharpness`` is its
    first value.

    >>> Cosine(num_heads=1, sharpness=3.0)(torch.ones(1, 1, 1, 4), 7 * torch.ones(1, 1, 1, 4)).round(decimals=4)
    tensor([[[[3.]]]], grad_fn=<RoundBackward1>)
    """

    def __init__(self, num_heads: int, sharpness: float = 5.0) -> None:
        super().__init__()
        if sharpness <= 0:
            raise ValueError(f"sharpness must be positive, got {sharpness}")
        self.log_sharpness = nn.Parameter(torch.full((num_heads, 1, 1), sharpness).expm1().log())  # softplus^-1

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        sharpness = F.softplus(self.log_sharpness).to(query.dtype)
        return F.normalize(query, dim=-1) * sharpness, F.normalize(key, dim=-1)


class Additive(Score):
    """Additive attention: a small network with one hidden layer compares both sides.

    score[i, j] = v . tanh(query[i] + key[j] + b)   (Bahdanau et al. 2015, appendix A.1.2), v, b (H, D)

    ``query`` and ``key`` arrive projected: the paper's W_a s and U_a h are the layer's ``query_proj`` and ``key_proj``.
    ``Concat`` carries its own.

    >>> Additive(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.vector = _head_vector(num_heads, head_dim)
        self.bias = nn.Parameter(torch.zeros(num_heads, head_dim))

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        return (torch.tanh(query + key + self.bias) * self.vector).sum(-1)


class Concat(Score):
    """Luong's concat: the network of additive attention on the joined vectors, with its own weights.

    score[i, j] = v . tanh(W [query[i]; key[j]])   (Luong et al. 2015, sec. 3.1, "concat"), v (H, A), W (H, A, 2 D)

    W [q; k] = W_q q + W_k k, so the projections cost O(L + S) and only the sum is formed for every pair.
    ``hidden_dim`` A is D unless given.

    >>> Concat(num_heads=2, head_dim=3)(torch.ones(1, 2, 4, 3), torch.ones(1, 2, 5, 3)).shape
    torch.Size([1, 2, 4, 5])
    """

    def __init__(self, num_heads: int, head_dim: int, hidden_dim: int | None = None) -> None:
        super().__init__()
        hidden_dim = head_dim if hidden_dim is None else hidden_dim
        self.query_weight = nn.Parameter(torch.empty(num_heads, head_dim, hidden_dim))
        self.key_weight = nn.Parameter(torch.empty(num_heads, head_dim, hidden_dim))
        self.vector = _head_vector(num_heads, hidden_dim)
        for weight in (self.query_weight, self.key_weight):
            nn.init.uniform_(weight, -((2 * head_dim) ** -0.5), (2 * head_dim) ** -0.5)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:  # noqa: D102
        query = torch.einsum("...hd,hda->...ha", query, self.query_weight)
        key = torch.einsum("...hd,hda->...ha", key, self.key_weight)
        return (torch.tanh(query + key) * self.vector).sum(-1)
