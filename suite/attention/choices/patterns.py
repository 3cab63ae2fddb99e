"""Patterns: which keys a query may attend to. They combine with ``&`` and ``|``.

  causal        window(1, 1)   global 1, window 1   blocks of 2    rows of 2 x 2
1 . . . .        1 1 . . .        1 1 1 1 1          1 1 . .         1 1 . .
1 1 . . .        1 1 1 . .        1 1 1 . .          1 1 . .         1 1 . .
1 1 1 . .        . 1 1 1 .        1 1 1 1 .          . . 1 1         . . 1 1
1 1 1 1 .        . . 1 1 1        1 . 1 1 1          . . 1 1         . . 1 1
1 1 1 1 1        . . . 1 1        1 . . 1 1
"""

# B batch, H heads, L queries, S keys

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Tile(NamedTuple):
    """Some queries, and every key that any of them may attend to as a slice or as indices (n,) int64."""

    queries: slice
    keys: slice | Tensor


class Pattern(nn.Module):
    """Base class: a rule that decides which keys a query may attend to.

    A subclass defines ``allows`` on positions, from which the dense mask, the mask of a tile and the mask function of
    FlexAttention follow. If it allows few pairs, it also defines ``tiles``, so that the others are not computed. Query
    l has position l + S - L (``offset``): the last query is at the last key, as in decoding. A caller that knows the
    positions of its queries passes them to ``Attention`` as ``query_positions``.

    Attributes:
        positional: False if the rule depends on more than positions.
        needs_position: False if a query behind all keys may attend to the same keys wherever it is. Such a pattern
            serves a query without a position, for example the learnt query of a pooling.
        fixed_size: True if the pattern is built for one number of positions, or for one batch.
    """

    positional = True
    needs_position = True
    fixed_size = False

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Whether the queries at the given positions may attend to the keys at theirs, bool; positions broadcast."""
        raise NotImplementedError

    def offset(self, num_queries: int, num_keys: int) -> int:
        """Position of the first query. A pattern of a fixed size raises ValueError for other sizes."""
        return num_keys - num_queries

    def mask(self, num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor | None:
        """The dense mask (L, S), bool, True = may attend; None if all may. Some patterns add leading dimensions."""
        queries = torch.arange(num_queries, device=device) + self.offset(num_queries, num_keys)
        return self.allows(queries[:, None], torch.arange(num_keys, device=device))

    def at(self, positions: Tensor, num_keys: int) -> Tensor:
        """The mask of queries at the given positions: (L,) -> (L, S), or (B, L) -> (B, 1, L, S), bool."""
        keys = torch.arange(num_keys, device=positions.device)
        positions = positions[:, None, :, None] if positions.dim() == 2 else positions[:, None]
        return self.allows(positions, keys)

    def split(self) -> tuple["Pattern", "Pattern"]:
        """The rule on positions and the rule on contents, whose ``&`` this pattern is; ``Full()`` for a missing one."""
        return (self, Full()) if self.positional else (Full(), self)

    def tiles(self, num_queries: int, num_keys: int) -> Iterable[Tile] | None:
        """Tiles that hold each query once and every allowed pair; None if the pattern is too dense to profit."""
        return None

    def forward(self, query: Tensor, key: Tensor, mask: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """The mask of the pattern joined with ``mask``, and a factor of the weights; None where there is none.

        Shape: query (B, H, L, D), key (B, H, S, D); the mask and both results broadcast to (B, H, L, S).
        """
        own = self.mask(query.shape[-2], key.shape[-2], query.device)
        return (own if mask is None else mask if own is None else own & mask), None

    def __and__(self, other: "Pattern") -> "Pattern":
        return self if isinstance(other, Full) else Both(self, other)

    def __or__(self, other: "Pattern") -> "Pattern":
        return Either(self, other)


class Full(Pattern):
    """Every query may attend to every key.

    >>> Full().mask(2, 3) is None
    True
    """

    needs_position = False

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return torch.ones_like(queries + keys, dtype=torch.bool)

    def mask(self, num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor | None:
        return None

    def __and__(self, other: Pattern) -> Pattern:
        return other


class Causal(Pattern):
    """A query may attend to its own position and to earlier ones:  key <= query.   (Vaswani et al. 2017, sec. 3.2.3)

    >>> Causal().mask(2, 3).int()  # two new positions after a cached one
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """

    needs_position = False

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return keys <= queries


class Window(Pattern):
    """A query may attend to its neighbours:  query - left <= key <= query + right.   (Beltagy et al. 2020, sec. 3.1)

    Raises ValueError for negative widths.

    >>> Window(left=1, right=0).mask(3, 3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [0, 1, 1]], dtype=torch.int32)
    """

    def __init__(self, left: int = 64, right: int = 64) -> None:
        super().__init__()
        if left < 0 or right < 0:
            raise ValueError(f"left and right must be at least 0, got left={left} and right={right}")
        self.left, self.right = left, right

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return (keys >= queries - self.left) & (keys <= queries + self.right)

    def tiles(self, num_queries: int, num_keys: int) -> Iterable[Tile] | None:
        return band_tiles(self.left, self.right, self.offset(num_queries, num_keys), num_queries, num_keys)


class Lengths(Pattern):
    """A query may attend to the keys within the length of its sequence:  key < lengths[b].

    It holds the data of one batch, so build it per batch and combine it: ``Causal() & Lengths(lengths)``.

    Shape: lengths (B,) ints. Raises ValueError for another shape or type.

    >>> Lengths(torch.tensor([1, 3])).mask(1, 3).int().squeeze()
    tensor([[1, 0, 0],
            [1, 1, 1]], dtype=torch.int32)
    """

    needs_position = False
    fixed_size = True

    def __init__(self, lengths: Tensor) -> None:
        super().__init__()
        if lengths.dim() != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
            raise ValueError(f"lengths must be ints of shape (batch,), got {lengths.dtype} {tuple(lengths.shape)}")
        self.lengths = lengths

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return keys < self.lengths[:, None, None, None]  # (B, 1, 1, S)


class GraphEdges(Pattern):
    """A graph in the dense layout: a receiver may attend to the senders of its edges.

    ``EdgeAttention`` computes the same with softmax at a cost that grows with the number of edges.

    Shape: edge_index (2, M), row 0 is the sender (key), row 1 the receiver (query); L = S = ``num_nodes``. Raises
    ValueError for other lengths.

    >>> GraphEdges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2).mask(2, 2).int()
    tensor([[0, 1],
            [1, 0]], dtype=torch.int32)
    """

    fixed_size = True
    adjacency: Tensor

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        super().__init__()
        adjacency = torch.zeros(num_nodes, num_nodes, dtype=torch.bool, device=edge_index.device)
        adjacency[edge_index[1], edge_index[0]] = True
        self.register_buffer("adjacency", adjacency, persistent=False)

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return self.adjacency[queries, keys]

    def offset(self, num_queries: int, num_keys: int) -> int:
        return same_length("graph_edges", num_queries, num_keys, len(self.adjacency))


class _Pair(Pattern):
    """Two patterns joined into one."""

    def __init__(self, left: Pattern, right: Pattern) -> None:
        super().__init__()
        self.left, self.right = left, right
        self.positional = left.positional and right.positional
        self.needs_position = left.needs_position or right.needs_position
        self.fixed_size = left.fixed_size or right.fixed_size

    def offset(self, num_queries: int, num_keys: int) -> int:
        return same_offset(self.left, self.right, num_queries, num_keys)


class Both(_Pair):
    """``left & right``: allows what both allow; the factors of the weights are multiplied.

    Rules on positions apply first, whatever their order, and the others apply to the keys that those allow.

    >>> (Causal() & Window(1, 9)).mask(3, 3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [0, 1, 1]], dtype=torch.int32)
    """

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return self.left.allows(queries, keys) & self.right.allows(queries, keys)

    def mask(self, num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor | None:
        left, right = (side.mask(num_queries, num_keys, device) for side in (self.left, self.right))
        return right if left is None else left if right is None else left & right

    def split(self) -> tuple[Pattern, Pattern]:
        if self.positional:
            return self, Full()
        (left, left_content), (right, right_content) = self.left.split(), self.right.split()
        return left & right, left_content & right_content

    def tiles(self, num_queries: int, num_keys: int) -> Iterable[Tile] | None:
        same_offset(self.left, self.right, num_queries, num_keys)
        left = self.left.tiles(num_queries, num_keys)  # tiles that cover one side cover both
        return self.right.tiles(num_queries, num_keys) if left is None else left

    def forward(self, query: Tensor, key: Tensor, mask: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        if self.positional:
            return super().forward(query, key, mask)
        positions, contents = self.split()
        mask, factor = positions(query, key, mask)
        if isinstance(contents, Both):  # each applies to the keys that the rules on positions allow
            (first, left), (second, right) = contents.left(query, key, mask), contents.right(query, key, mask)
            mask = second if first is None else first if second is None else first & second
            return mask, right if left is None else left if right is None else left * right
        return (mask, factor) if isinstance(contents, Full) else contents(query, key, mask)


class Either(_Pair):
    """``left | right``: allows what either allows. Raises ValueError for a rule that depends on more than positions.

    >>> (Window(0, 0) | Window(2, 0)).mask(1, 3).int()
    tensor([[1, 1, 1]], dtype=torch.int32)
    """

    def __init__(self, left: Pattern, right: Pattern) -> None:
        super().__init__(left, right)
        if not self.positional:
            names = " | ".join(type(side).__name__ for side in (left, right))
            raise ValueError(f"{names}: a rule that depends on the query has no mask of positions; combine it with &")

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return self.left.allows(queries, keys) | self.right.allows(queries, keys)

    def mask(self, num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor | None:
        left, right = (side.mask(num_queries, num_keys, device) for side in (self.left, self.right))
        return None if left is None or right is None else left | right


def band_tiles(left: int, right: int, offset: int, num_queries: int, num_keys: int) -> list[Tile] | None:
    """Tiles of queries at positions ``offset + l``, with the keys from ``left`` before to ``right`` after them."""
    size = max(64, left + right)  # wider tiles compute more forbidden pairs, narrower ones need more calls
    if num_keys <= 3 * (size + left + right):
        return None  # measured: the dense kernel is as fast there
    tiles = []
    for start in range(0, num_queries, size):
        stop = min(start + size, num_queries)
        first = min(max(start + offset - left, 0), num_keys)
        last = min(max(stop - 1 + offset + right + 1, first), num_keys)
        tiles.append(Tile(slice(start, stop), slice(first, last)))
    return tiles


def same_offset(left: Pattern, right: Pattern, num_queries: int, num_keys: int) -> int:
    """The offset of both sides; ValueError if they align queries and keys differently."""
    one, other = left.offset(num_queries, num_keys), right.offset(num_queries, num_keys)
    if one != other:
        raise ValueError(
            f"{type(left).__name__} and {type(right).__name__} align {num_queries} queries with {num_keys} keys "
            "differently and cannot be combined; they agree if there are as many queries as keys"
        )
    return one


def same_length(name: str, num_queries: int, num_keys: int, length: int) -> int:
    """Offset 0 of a pattern over one sequence of a fixed length; ValueError for other lengths."""
    if num_queries != length or num_keys != length:
        raise ValueError(
            f"pattern {name} is built for {length} queries and {length} keys, got {num_queries} and {num_keys}; "
            "build it for this length, or use pattern=full between different sequences"
        )
    return 0
