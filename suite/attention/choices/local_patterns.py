"""Local attention of Luong et al. 2015: a window around an aligned position or around a predicted one."""

# B batch, H heads, L queries, S keys, D width of one head

import torch
from torch import Tensor, nn

from suite.attention.choices.patterns import Pattern, Tile, band_tiles
from suite.attention.operators.recompute import without_autocast


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

    p = first + S sigmoid(v . tanh(W query)),   allowed: |s - p| <= width,
    weights[s] = align(...)[s] exp(-(s - p)^2 / (2 sigma^2)),   sigma = width / 2   (Luong et al. 2015, eq. 9-10)

    The query predicts a position among the keys that the other rules allow it: ``first`` is the first of them, S the
    length from the first to the last. Without other rules these are 0 and the number of keys, as in the paper; padding
    does not count, and under a causal rule S is the length of the past. As in the paper the Gaussian multiplies the
    weights after alignment, so rows sum to less than 1. Positions are computed in float32 at least.

    The pattern depends on the query, so ``mask`` and ``|`` raise ValueError.

    >>> mask, factor = LocalPredictive(num_heads=1, head_dim=3, width=2)(torch.ones(1, 1, 2, 3), torch.ones(1, 1, 9, 3))
    >>> mask.shape, factor.shape
    (torch.Size([1, 1, 2, 9]), torch.Size([1, 1, 2, 9]))
    """

    positional = False
    needs_position = False

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
        position = self.positions(query, key.shape[-2], mask)
        distance = torch.arange(key.shape[-2], device=query.device) - position
        near = distance.detach().abs() <= self.width
        factor = torch.exp(-2.0 * (distance / max(self.width, 1)).square())
        return (near if mask is None else near & mask), factor.to(query.dtype)

    def positions(self, query: Tensor, num_keys: int, mask: Tensor | None = None) -> Tensor:
        """The predicted position p of every query, (B, H, L, 1)."""
        wide = torch.float64 if query.dtype == torch.float64 else torch.float32
        with without_autocast(query.device):
            logit = torch.tanh(query.to(wide) @ self.weight.to(wide)) @ self.vector.to(wide)
        if mask is None:
            return num_keys * torch.sigmoid(logit)
        first = mask.to(torch.uint8).argmax(-1, keepdim=True)
        length = (num_keys - mask.flip(-1).to(torch.uint8).argmax(-1, keepdim=True) - first) * mask.any(
            -1, keepdim=True
        )
        return first + length * torch.sigmoid(logit)
