"""Local attention of Luong et al. 2015: a window around an aligned position or around a predicted one."""

# B batch, H heads, L queries, S keys, D width of one head

import torch
from torch import Tensor, nn

from suite.attention.choices.patterns import Pattern, Tile, band_tiles


class LocalMonotonic(Pattern):
    """local-m: step t of a decoder attends around position t of the source:  |s - t| <= width.

    p_t = t   (Luong et al. 2015, sec. 3.2; ``width`` is D in the paper)

    Unlike ``Window`` it aligns the first query with the first key. Step-by-step decoding takes row t:
    ``pattern.mask(t + 1, S)[-1:]``.

    >>> LocalMonotonic(width=1).mask(2, 4).int()
    tensor([[1, 1, 0, 0],
            [1, 1, 1, 0]], dtype=torch.int32)
    """

    def __init__(self, width: int = 10) -> None:
        super().__init__()
        self.width = width

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return (queries - keys).abs() <= self.width

    def offset(self, num_queries: int, num_keys: int) -> int:
        return 0

    def tiles(self, num_queries: int, num_keys: int) -> list[Tile] | None:
        return band_tiles(self.width, self.width, 0, num_queries, num_keys)


class LocalPredictive(Pattern):
    """local-p: the query predicts a position, and a Gaussian weights the keys near it.

    p = S sigmoid(v . tanh(W query)),   allowed: |s - p| <= width,
    weights[s] = align(...)[s] exp(-(s - p)^2 / (2 sigma^2)),   sigma = width / 2   (Luong et al. 2015, eq. 9-10)

    S is the length of each sequence: the number of keys that ``mask`` allows. As in the paper the Gaussian multiplies
    the weights after alignment, so rows sum to less than 1. The pattern depends on the query, so ``mask`` and ``|``
    raise ValueError.

    >>> mask, factor = LocalPredictive(num_heads=1, head_dim=3, width=2)(torch.ones(1, 1, 2, 3), torch.ones(1, 1, 9, 3))
    >>> mask.shape, factor.shape
    (torch.Size([1, 1, 2, 9]), torch.Size([1, 1, 2, 9]))
    """

    positional = False

    def __init__(self, num_heads: int, head_dim: int, width: int = 10) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.randn(num_heads, head_dim, head_dim) * head_dim**-0.5)  # W
        self.vector = nn.Parameter(torch.randn(num_heads, head_dim, 1) * head_dim**-0.5)  # v

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        raise ValueError(
            "local_predictive depends on the query and has no mask of positions; combine it with &, not with |"
        )

    def forward(self, query: Tensor, key: Tensor, mask: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        length = key.shape[-2] if mask is None else mask.sum(-1, keepdim=True)
        position = length * torch.sigmoid(torch.tanh(query @ self.weight) @ self.vector)  # (B, H, L, 1)
        distance = torch.arange(key.shape[-2], device=query.device) - position
        near = distance.detach().abs() <= self.width
        return (near if mask is None else near & mask), torch.exp(-2.0 * (distance / max(self.width, 1)).square())
