"""Multi-head attention: projections around the four choices."""

# B batch, L queries, S keys and values, H heads, G key/value heads, D width of one head, E model width

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.positions import Position
from suite.attention.functional import AttentionOutput
from suite.attention.operators.half_precision import Linear, linear
from suite.attention.operators.joint_projection import split_joint


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, L, H D) -> (B, H, L, D), a view."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, L, D) -> (B, L, H D)."""
    return x.transpose(1, 2).flatten(2)


class KeyValue(NamedTuple):
    """Projected keys and values of a sequence, (B, G, S, D): what decoding keeps between steps, owned by the caller."""

    key: Tensor
    value: Tensor


class MultiheadAttention(nn.Module):
    """Attention in several subspaces at once, with any score, alignment and pattern.

    head_h = attend(query W_q^h, key W_k^h, value W_v^h);   out = [head_1 ... head_H] W_o
    (Vaswani et al. 2017, sec. 3.2.2)

    With fewer ``num_kv_heads`` than heads, groups of heads share keys and values (Ainslie et al. 2023; 1 is
    multi-query, Shazeer 2019).

    Args:
        embed_dim: model width E, of queries and outputs; num_heads divides it.
        num_heads: H.
        attention: the four choices; scaled dot product, softmax, full unless given.
        num_kv_heads: G, divides H; H unless given.
        memory_dim: width of keys and values; E unless given.
        positions: notions of order, applied in turn; for self-attention.
        bias: whether the projections have one.

    Shape: query (B, L, E), key and value (B, S, memory_dim) -> context (B, L, E), weights (B, H, L, S) or None. Self-
    attention: pass the query alone. Decoding: ``cache = layer.extend(new, cache)``, then ``layer(new, cache=cache)``.
    Raises ValueError where counts do not divide.

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
            raise ValueError(f"num_heads must divide embed_dim: got num_heads={num_heads}, embed_dim={embed_dim}")
        if num_kv_heads < 1 or num_heads % num_kv_heads:
            raise ValueError(f"num_kv_heads must divide num_heads: got {num_kv_heads} and num_heads={num_heads}")
        kv_dim = num_kv_heads * (embed_dim // num_heads)
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        self.query_proj = Linear(embed_dim, embed_dim, bias=bias)
        self.key_proj = Linear(memory_dim, kv_dim, bias=bias)
        self.value_proj = Linear(memory_dim, kv_dim, bias=bias)
        self.output_proj = Linear(embed_dim, embed_dim, bias=bias)
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
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend from ``query`` to ``key`` and ``value``, to ``cache``, or without either to the query itself."""
        if cache is not None:
            if key is not None or value is not None:
                raise ValueError("give key and value, or cache, not both; cache = layer.extend(key, cache) joins them")
            q = split_heads(self.query_proj(query), self.num_heads)
        else:
            q, cache = self._project(query, query if key is None else key, value)
        bias = self._bias(q, cache.key.shape[2])
        q = self._turn(q, start=cache.key.shape[2] - q.shape[2])
        k, v = (self._share(x) for x in cache)
        context, weights = self.attention(q, k, v, mask=mask, bias=bias, previous=previous, need_weights=need_weights)
        return AttentionOutput(self.output_proj(merge_heads(context)), weights)

    def extend(self, key: Tensor, cache: KeyValue | None = None, value: Tensor | None = None) -> KeyValue:
        """``cache`` with the keys and values of ``key`` (B, S, memory_dim) behind it; a memory is a cache made once."""
        start = 0 if cache is None else cache.key.shape[2]
        new_key = self._turn(split_heads(self.key_proj(key), self.num_kv_heads), start)
        new_value = split_heads(self.value_proj(key if value is None else value), self.num_kv_heads)
        if cache is None:
            return KeyValue(new_key, new_value)
        return KeyValue(torch.cat([cache.key, new_key], dim=2), torch.cat([cache.value, new_value], dim=2))

    def _project(self, query: Tensor, key: Tensor, value: Tensor | None) -> tuple[Tensor, KeyValue]:
        if query is not key or value is not None:
            return split_heads(self.query_proj(query), self.num_heads), self.extend(key, None, value)
        layers = (self.query_proj, self.key_proj, self.value_proj)  # of one input: one product
        weight = torch.cat([layer.weight for layer in layers])
        bias = None if self.query_proj.bias is None else torch.cat([layer.bias for layer in layers])
        joint = split_joint(linear(query, weight, bias), [layer.out_features for layer in layers])
        q, k, v = (split_heads(x, n) for x, n in zip(joint, self._head_counts, strict=True))
        return q, KeyValue(self._turn(k, 0), v)

    @property
    def _notions(self) -> list[Position]:
        return [position for position in self.positions if isinstance(position, Position)]  # a ModuleList has no types

    @property
    def _head_counts(self) -> tuple[int, int, int]:
        return self.num_heads, self.num_kv_heads, self.num_kv_heads

    def _share(self, x: Tensor) -> Tensor:
        """(B, G, S, D) -> (B, H, S, D): each key/value head serves H / G heads that stand side by side."""
        return x if self.num_kv_heads == self.num_heads else x.repeat_interleave(self.num_heads // self.num_kv_heads, 1)

    def _turn(self, x: Tensor, start: int) -> Tensor:
        for position in self._notions:
            x = position.turn(x, start)
        return x

    def _bias(self, query: Tensor, num_keys: int) -> Tensor | None:
        total: Tensor | None = None
        for position in self._notions:
            bias = position.bias(query, num_keys)
            total = bias if total is None else total if bias is None else total + bias
        return total
