"""Scores that depend on the location of a key: on its position alone, or on the weights of the previous step."""

# B batch, H heads, L queries, S keys, D width of one head

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.choices.scores import InnerProduct, Score
from suite.attention.ragged.edges import Edges


class LocationBased(InnerProduct):
    """Location-based score: a learnt vector per position takes the place of the key.

    score[i, j] = query[i] . W[j]   (Luong et al. 2015, eq. 8, "location": a = softmax(W h)), W (H, max_keys, D)

    Raises ValueError for more than ``max_keys`` keys, and for edges, which have no order of keys.

    >>> LocationBased(num_heads=1, head_dim=3, max_keys=9)(torch.ones(2, 1, 4, 3), torch.ones(2, 1, 5, 3)).shape
    torch.Size([2, 1, 4, 5])
    """

    needs_order = True

    def __init__(self, num_heads: int, head_dim: int, max_keys: int = 512) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_heads, max_keys, head_dim) * head_dim**-0.5)

    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        if key.shape[-2] > self.weight.shape[1]:
            raise ValueError(
                f"the location-based score has max_keys={self.weight.shape[1]} positions, got {key.shape[-2]} keys; "
                "set a larger max_keys"
            )
        positions = self.weight[:, : key.shape[-2]].to(query.dtype)
        return query, positions.expand(*key.shape[:-3], *positions.shape)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        raise ValueError(
            "the location-based score needs keys in order, which edges do not have; use attention.score=gatv2"
        )


class LocationSensitive(Score):
    """Location-sensitive score: additive attention that also sees the weights of the previous step, for speech.

    f = F * previous;   score[i, j] = v . tanh(query[i] + key[j] + U f[j] + b)   (Chorowski et al. 2015, eq. 8-9)

    F are ``num_filters`` filters of width ``kernel_size`` (10 of width 100 in the paper; an odd width keeps positions),
    U (H, num_filters, D). ``previous`` (B, H, 1, S) are the weights of the previous step, that is
    ``AttentionOutput.weights`` of the previous call; None at the first step is read as zeros. All queries of one call
    see the same ``previous``.

    Raises ValueError for an even ``kernel_size``, for ``previous`` of another shape, and for edges.

    >>> score = LocationSensitive(num_heads=1, head_dim=3)
    >>> key = torch.ones(2, 1, 5, 3)
    >>> first = score(torch.ones(2, 1, 1, 3), key).softmax(-1)
    >>> score(torch.ones(2, 1, 1, 3), key, previous=first).shape
    torch.Size([2, 1, 1, 5])
    """

    stateful = True
    needs_order = True
    same_width = True

    def __init__(self, num_heads: int, head_dim: int, num_filters: int = 10, kernel_size: int = 31) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that a filter has a centre, got {kernel_size}")
        self.filters = nn.Parameter(torch.randn(num_heads * num_filters, 1, kernel_size) * kernel_size**-0.5)  # F
        self.feature_proj = nn.Parameter(torch.randn(num_heads, num_filters, head_dim) * num_filters**-0.5)  # U
        self.vector = nn.Parameter(torch.randn(num_heads, head_dim) * head_dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(num_heads, head_dim))

    def forward(self, query: Tensor, key: Tensor, previous: Tensor | None = None) -> Tensor:
        """Score every query with every key, given the previous weights: -> (B, H, L, S)."""
        if previous is not None:
            if previous.shape != (key.shape[0], key.shape[1], 1, key.shape[2]):
                raise ValueError(
                    f"previous must be the weights of one step, (B, H, 1, S) = {(*key.shape[:2], 1, key.shape[2])}, "
                    f"got {tuple(previous.shape)}; pass output.weights of the previous call"
                )
            key = key + self.features(previous)
        hidden = torch.tanh(query[:, :, :, None] + key[:, :, None] + self.bias[:, None, None])  # (B, H, L, S, D)
        return (hidden * self.vector[:, None, None]).sum(-1)

    def features(self, previous: Tensor) -> Tensor:
        """U f, the filtered weights of the previous step: (B, H, 1, S) -> (B, H, S, D)."""
        heads, padding = previous.shape[1], self.filters.shape[-1] // 2
        f = F.conv1d(previous.squeeze(2), self.filters, padding=padding, groups=heads)  # (B, H * num_filters, S)
        return f.unflatten(1, (heads, -1)).transpose(2, 3) @ self.feature_proj

    def edges(self, query: Tensor, key: Tensor, edges: Edges) -> Tensor:
        raise ValueError(
            "the location-sensitive score needs keys in order, which edges do not have; use attention.score=additive"
        )
