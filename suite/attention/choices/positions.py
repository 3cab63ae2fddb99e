"""Position encodings: rotations of queries and keys, and biases of the scores. They compose in a list."""

# B batch, H heads, L queries, S keys, D width of one head

import math

import torch
from torch import Tensor, nn


class Position(nn.Module):
    """Base class: a position encoding rotates queries and keys, or adds a bias to the scores, or both."""

    def rotate(self, x: Tensor, start: int = 0) -> Tensor:
        """Encode the positions ``start``, ``start + 1``, ... in the vectors (B, H, T, D)."""
        return x

    def bias(self, query: Tensor, num_keys: int) -> Tensor | None:
        """A bias of the scores, broadcastable to (B, H, L, S), or None; the last query is at the last key."""
        return None


class Rotary(Position):
    """Rotary position encoding: pairs of features rotate by an angle that grows with the position.

    rotated[t, (i, i + D/2)] = rotation by t base^(-2 i / D) of x[t, (i, i + D/2)]   (Su et al. 2021, eq. 34)

    The inner product of a rotated query and key depends on the distance of their positions only. Feature i is paired
    with feature i + D/2, as in most published code; the paper pairs neighbours, which differs in their order only.

    Raises ValueError for an odd width.

    >>> rotary = Rotary(head_dim=4)
    >>> q, k = torch.randn(1, 1, 1, 4), torch.randn(1, 1, 1, 4)
    >>> near = (rotary.rotate(q, 7) * rotary.rotate(k, 5)).sum()
    >>> torch.allclose(near, (rotary.rotate(q, 2) * rotary.rotate(k, 0)).sum(), atol=1e-5)
    True
    """

    frequencies: Tensor

    def __init__(self, head_dim: int, base: float = 10000.0) -> None:
        super().__init__()
        if head_dim % 2:
            raise ValueError(f"rotary positions need an even head_dim, got {head_dim}")
        exponent = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        self.register_buffer("frequencies", base**-exponent, persistent=False)

    def rotate(self, x: Tensor, start: int = 0) -> Tensor:
        time = torch.arange(start, start + x.shape[-2], device=x.device, dtype=torch.float32)
        angle = time[:, None] * self.frequencies
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def distances(num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor:
    """Position of the key minus position of the query, (L, S); the last query is at the last key."""
    queries = torch.arange(num_queries, device=device) + (num_keys - num_queries)
    return torch.arange(num_keys, device=device) - queries[:, None]


class RelativeKeys(Position):
    """Relative position vectors: a learnt vector per distance is added to the key.

    bias[i, j] = query[i] . a[clip(j - i, -K, K)]   (Shaw et al. 2018, eq. 5), a (2 K + 1, D), shared by the heads

    The bias is divided by sqrt(D), as the score in eq. 4 of the paper.

    >>> RelativeKeys(head_dim=4, max_distance=2).bias(torch.ones(2, 3, 5, 4), num_keys=5).shape
    torch.Size([2, 3, 5, 5])
    """

    def __init__(self, head_dim: int, max_distance: int = 16) -> None:
        super().__init__()
        self.max_distance = max_distance
        self.vectors = nn.Parameter(torch.randn(2 * max_distance + 1, head_dim) * head_dim**-0.5)

    def bias(self, query: Tensor, num_keys: int) -> Tensor:
        steps = distances(query.shape[-2], num_keys, query.device).clamp(-self.max_distance, self.max_distance)
        by_distance = query @ self.vectors.to(query.dtype).t() * query.shape[-1] ** -0.5  # (B, H, L, 2 K + 1)
        return by_distance.gather(-1, (steps + self.max_distance).expand(*query.shape[:-1], -1))


class RelativeBias(Position):
    """Relative position bias: a learnt number per head and bucket of distances.

    bias[h, i, j] = b[h, bucket(j - i)]   (Raffel et al. 2020, sec. 2.1)

    Half of the buckets are for later keys, half for earlier ones. In each half, one half of the buckets holds single
    distances, and the other grows logarithmically up to ``max_distance``.

    Raises ValueError if ``num_buckets`` is not a multiple of 4.

    >>> RelativeBias(num_heads=2).bias(torch.ones(1, 2, 3, 4), num_keys=5).shape
    torch.Size([2, 3, 5])
    """

    def __init__(self, num_heads: int, num_buckets: int = 32, max_distance: int = 128) -> None:
        super().__init__()
        if num_buckets % 4 or num_buckets < 4:
            raise ValueError(f"num_buckets must be a multiple of 4, got {num_buckets}")
        self.num_buckets, self.max_distance = num_buckets, max_distance
        self.table = nn.Parameter(torch.zeros(num_heads, num_buckets))

    def bias(self, query: Tensor, num_keys: int) -> Tensor:
        return self.table[:, self.buckets(distances(query.shape[-2], num_keys, query.device))].to(query.dtype)

    def buckets(self, steps: Tensor) -> Tensor:
        """The bucket of each distance."""
        half = self.num_buckets // 2
        single = half // 2
        far = steps.abs()
        growth = (far.clamp(min=1) / single).log() / math.log(self.max_distance / single)
        wide = (single + growth * (half - single)).long().clamp(max=half - 1)
        return torch.where(far < single, far, wide) + half * (steps > 0)


class Alibi(Position):
    """Attention with linear biases: scores decrease with the distance, at a fixed rate per head.

    bias[h, i, j] = -m[h] |j - i|,   m[h] = 2^(-8 h / H) for h = 1..H   (Press et al. 2022, sec. 3)

    >>> Alibi(num_heads=8).bias(torch.ones(1, 8, 3, 4), num_keys=3)[0, 2]
    tensor([-1.0000, -0.5000, -0.0000])
    """

    slopes: Tensor

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        heads = torch.arange(1, num_heads + 1, dtype=torch.float32)
        self.register_buffer("slopes", 2 ** (-8 * heads / num_heads), persistent=False)

    def bias(self, query: Tensor, num_keys: int) -> Tensor:
        far = distances(query.shape[-2], num_keys, query.device).abs()
        return -self.slopes[:, None, None].to(query.dtype) * far
