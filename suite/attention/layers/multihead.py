"""Multi-head attention: projections around ``Attention``."""

# B batch, L queries, S keys and values, H heads, G key/value heads, D width of one head, E model width

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.positions import Position
from suite.attention.functional import AttentionOutput
from suite.attention.operators.half_precision import HalfPrecisionLinear, linear
from suite.attention.operators.joint_projection import split_joint


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, L, H D) -> (B, H, L, D), a view."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, L, D) -> (B, L, H D)."""
    return x.transpose(1, 2).flatten(2)


class KeyValue(NamedTuple):
    """Projected keys and values of a sequence, (B, G, S, D): the cache of decoding, owned by the caller."""

    key: Tensor
    value: Tensor


class MultiheadAttention(nn.Module):
    """Attention in several subspaces at once, with any score, alignment and pattern.

    head_h = attend(query W_q^h, key W_k^h, value W_v^h);   out = [head_1 ... head_H] W_o
    (Vaswani et al. 2017, sec. 3.2.2)

    With fewer ``num_kv_heads`` than heads, groups of heads share keys and values (Ainslie et al. 2023; 1 is
    multi-query attention, Shazeer 2019).

    For self-attention pass the query alone. For decoding call ``cache = layer.extend(new, cache)``, then
    ``layer(new, cache=cache)``.

    Args:
        embed_dim: E, width of queries and outputs; a multiple of ``num_heads``.
        num_heads: H.
        attention: the choices; default ``Attention()``: scaled dot product, softmax, no pattern.
        num_kv_heads: G, a divisor of H; default H.
        memory_dim: width of keys and values; default E.
        positions: position encodings, applied one after the other; for self-attention.
        bias: whether the projections have a bias.

    Shape: query (B, L, E), key and value (B, S, memory_dim) -> context (B, L, E), weights (B, H, L, S) or None.

    Raises ValueError where the numbers of heads do not divide, and where both a key and a cache are given.

    >>> layer = MultiheadAttention(embed_dim=6, num_heads=3)
    >>> layer(torch.randn(2, 5, 6)).context.shape
    torch.Size([2, 5, 6])
    >>> layer(torch.randn(2, 5, 6), torch.randn(2, 7, 6), need_weights=True).weights.shape
    torch.Size([2, 3, 5, 7])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        attention: Attention | None = None,
        *,
        num_kv_heads: int | None = None,
        memory_dim: int | None = None,
        positions: Sequence[Position] = (),
        bias: bool = True,
    ) -> None:
        super().__init__()
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        memory_dim = embed_dim if memory_dim is None else memory_dim
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim must be a multiple of num_heads, got {embed_dim} and {num_heads}")
        if num_kv_heads < 1 or num_heads % num_kv_heads:
            raise ValueError(f"num_heads must be a multiple of num_kv_heads, got {num_heads} and {num_kv_heads}")
        kv_dim = num_kv_heads * (embed_dim // num_heads)
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        self.query_proj = HalfPrecisionLinear(embed_dim, embed_dim, bias=bias)
        self.key_proj = HalfPrecisionLinear(memory_dim, kv_dim, bias=bias)
        self.value_proj = HalfPrecisionLinear(memory_dim, kv_dim, bias=bias)
        self.output_proj = HalfPrecisionLinear(embed_dim, embed_dim, bias=bias)
        self.attention = Attention() if attention is None else attention
        self.positions = nn.ModuleList(positions)
        for layer in (self.query_proj, self.key_proj, self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            if bias:
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        cache: KeyValue | None = None,
        previous: Tensor | None = None,
        query_positions: Tensor | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend from ``query`` to ``key`` and ``value``, to ``cache``, or to the query itself if neither is given.

        Args:
            query: (B, L, E).
            key: (B, S, memory_dim); default the query.
            value: (B, S, memory_dim); default the key.
            mask: bool, broadcastable to (B, H, L, S), True = may attend.
            cache: projected keys and values, instead of ``key`` and ``value``; the last query is at the last key.
            previous: weights of the previous step, for a score or alignment with a state.
            query_positions: ints (L,) or (B, L), where each query is among the keys, for the pattern alone: position
                encodings place the last query at the last key.
            need_weights: True to return the weights.
        """
        if cache is not None:
            if key is not None or value is not None:
                raise ValueError("pass key and value, or cache, not both; cache = layer.extend(key, cache) joins them")
            q = split_heads(self.query_proj(query), self.num_heads)
        else:
            q, cache = self._project(query, query if key is None else key, value)
        bias = self._bias(q, cache.key.shape[2])
        q = self._rotate(q, start=cache.key.shape[2] - q.shape[2])
        k, v = (self._share(x) for x in cache)
        context, weights = self.attention(
            q, k, v, mask=mask, bias=bias, previous=previous, query_positions=query_positions, need_weights=need_weights
        )
        return AttentionOutput(self.output_proj(merge_heads(context)), weights)

    def extend(self, key: Tensor, cache: KeyValue | None = None, value: Tensor | None = None) -> KeyValue:
        """``cache`` followed by the projected keys and values of ``key`` (B, S, memory_dim), as a new cache."""
        start = 0 if cache is None else cache.key.shape[2]
        new_key = self._rotate(split_heads(self.key_proj(key), self.num_kv_heads), start)
        new_value = split_heads(self.value_proj(key if value is None else value), self.num_kv_heads)
        if cache is None:
            return KeyValue(new_key, new_value)
        return KeyValue(torch.cat([cache.key, new_key], dim=2), torch.cat([cache.value, new_value], dim=2))

    def _project(self, query: Tensor, key: Tensor, value: Tensor | None) -> tuple[Tensor, KeyValue]:
        if query is not key or value is not None:
            return split_heads(self.query_proj(query), self.num_heads), self.extend(key, None, value)
        layers = (self.query_proj, self.key_proj, self.value_proj)  # of one input, hence one product
        weight = torch.cat([layer.weight for layer in layers])
        bias = None if self.query_proj.bias is None else torch.cat([layer.bias for layer in layers])
        joint = split_joint(linear(query, weight, bias), [layer.out_features for layer in layers])
        q, k, v = (split_heads(x, n) for x, n in zip(joint, self._head_counts, strict=True))
        return q, KeyValue(self._rotate(k, 0), v)

    @property
    def _encodings(self) -> list[Position]:
        return [position for position in self.positions if isinstance(position, Position)]  # a ModuleList is untyped

    @property
    def _head_counts(self) -> tuple[int, int, int]:
        return self.num_heads, self.num_kv_heads, self.num_kv_heads

    def _share(self, x: Tensor) -> Tensor:
        """(B, G, S, D) -> (B, H, S, D): each key/value head serves H / G adjacent heads."""
        return x if self.num_kv_heads == self.num_heads else x.repeat_interleave(self.num_heads // self.num_kv_heads, 1)

    def _rotate(self, x: Tensor, start: int) -> Tensor:
        for position in self._encodings:
            x = position.rotate(x, start)
        return x

    def _bias(self, query: Tensor, num_keys: int) -> Tensor | None:
        total: Tensor | None = None
        for position in self._encodings:
            bias = position.bias(query, num_keys)
            total = bias if total is None else total if bias is None else total + bias
        return total
