"""Sparse patterns: their cost grows with the allowed blocks, not with the square of the length."""

# L queries, S keys, here L = S; G blocks of T positions each

import torch
from torch import Tensor

from suite.attention.choices.alignments import Sinkhorn
from suite.attention.choices.patterns import Pattern, Tile, band_tiles, same_length


class BlockSparse(Pattern):
    """Block-sparse attention: queries of block g may attend to keys of block h where ``layout[g, h]`` is True.

    allowed(i, j) = layout[i // T, j // T]   (Child et al. 2019, sec. 5.1; Zaheer et al. 2020, sec. 2)

    Shape: layout (G, G) bool, for G T positions; the last block may be shorter. Raises ValueError for another layout
    and for other lengths.

    >>> BlockSparse(torch.eye(2, dtype=torch.bool), block_size=2).mask(3, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 0],
            [0, 0, 1]], dtype=torch.int32)
    """

    fixed_size = True
    layout: Tensor

    def __init__(self, layout: Tensor, block_size: int) -> None:
        super().__init__()
        if layout.dtype != torch.bool or layout.dim() != 2 or layout.shape[0] != layout.shape[1]:
            raise ValueError(f"layout must be bool (blocks, blocks), got {layout.dtype} {tuple(layout.shape)}")
        self.register_buffer("layout", layout, persistent=False)
        self.block_size = block_size

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return self.layout[queries // self.block_size, keys // self.block_size]

    def offset(self, num_queries: int, num_keys: int) -> int:
        fits = -(-num_keys // self.block_size) == len(self.layout)
        whole = len(self.layout) * self.block_size
        return same_length("of blocks", num_queries, num_keys, num_keys if fits else whole)

    def tiles(self, num_queries: int, num_keys: int) -> list[Tile] | None:
        self.offset(num_queries, num_keys)
        within = torch.arange(self.block_size, device=self.layout.device)
        tiles = []
        for block, row in enumerate(self.layout):
            keys = (row.nonzero() * self.block_size + within).flatten()
            start = block * self.block_size
            tiles.append(Tile(slice(start, min(start + self.block_size, num_queries)), keys[keys < num_keys]))
        return tiles


class SinkhornBlocks(BlockSparse):
    """Sparse Sinkhorn attention: every block attends to itself and to the block that a sorting network assigns to it.

    allowed(i, j) = (j // T = i // T) or (j // T = partner[i // T])   (Tay et al. 2020, sec. 3.2)

    Shape: partner (G,) ints, a permutation. ``from_scores`` computes it from the scores (G, G) of a sorting network by
    Sinkhorn balancing. Raises ValueError if ``partner`` is not a permutation.

    >>> SinkhornBlocks.from_scores(torch.tensor([[0.0, 3.0], [2.0, 1.0]]), block_size=1).mask(2, 2).int()
    tensor([[1, 1],
            [1, 1]], dtype=torch.int32)
    """

    def __init__(self, partner: Tensor, block_size: int) -> None:
        if partner.sort().values.tolist() != list(range(len(partner))):
            raise ValueError(
                f"partner must contain every block from 0 to {len(partner) - 1} once, got {partner.tolist()}"
            )
        blocks = torch.arange(len(partner), device=partner.device)
        super().__init__((blocks == blocks[:, None]) | (blocks == partner[:, None]), block_size)

    @classmethod
    def from_scores(cls, scores: Tensor, block_size: int) -> "SinkhornBlocks":
        """Balance ``scores`` (G, G) and choose one partner for every block, the largest weight first."""
        balanced = Sinkhorn()(scores.detach()[None, None])[0, 0].clone()
        partner = torch.empty(len(scores), dtype=torch.int64, device=scores.device)
        for _ in range(len(scores)):
            block, other = divmod(int(balanced.argmax()), len(scores))
            partner[block] = other
            balanced[block], balanced[:, other] = -1.0, -1.0
        return cls(partner, block_size)


class GlobalLocal(Pattern):
    """A few global positions attend to all and are attended by all; the others attend to their neighbours.

    allowed(i, j) = (i < G) or (j < G) or (|i - j| <= width)   (Beltagy et al. 2020, sec. 3.1; Ainslie et al. 2020)

    The first ``num_global`` positions are global, for example a class token. Raises ValueError for negative numbers.

    >>> GlobalLocal(num_global=1, width=0).mask(3, 3).int()
    tensor([[1, 1, 1],
            [1, 1, 0],
            [1, 0, 1]], dtype=torch.int32)
    """

    def __init__(self, num_global: int = 1, width: int = 64) -> None:
        super().__init__()
        if num_global < 0 or width < 0:
            raise ValueError(f"num_global and width must be at least 0, got {num_global} and {width}")
        self.num_global, self.width = num_global, width

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return (queries < self.num_global) | (keys < self.num_global) | ((queries - keys).abs() <= self.width)

    def offset(self, num_queries: int, num_keys: int) -> int:
        return same_length("global_local", num_queries, num_keys, num_keys)

    def tiles(self, num_queries: int, num_keys: int) -> list[Tile] | None:
        first = min(self.num_global, self.offset(num_queries, num_keys) + num_queries)
        bands = band_tiles(self.width, self.width, first, num_queries - first, num_keys)
        if bands is None:
            return None
        tiles = [Tile(slice(0, first), slice(0, num_keys))] if first else []
        for queries, keys in bands:
            assert isinstance(keys, slice)
            seen = torch.cat([torch.arange(min(first, keys.start)), torch.arange(keys.start, keys.stop)])
            tiles.append(Tile(slice(queries.start + first, queries.stop + first), seen))
        return tiles


class AxialRows(Pattern):
    """Axial attention along the rows of an image, given row by row:  i // W = j // W.   (Ho et al. 2019, sec. 3)

    >>> AxialRows(height=2, width=2).mask(4, 4).int()[0]
    tensor([1, 1, 0, 0], dtype=torch.int32)
    """

    fixed_size = True

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries // self.width == keys // self.width

    def offset(self, num_queries: int, num_keys: int) -> int:
        return same_length("axial", num_queries, num_keys, self.height * self.width)

    def tiles(self, num_queries: int, num_keys: int) -> list[Tile] | None:
        self.offset(num_queries, num_keys)
        rows = (slice(row * self.width, (row + 1) * self.width) for row in range(self.height))
        return [Tile(row, row) for row in rows]


class AxialColumns(AxialRows):
    """Axial attention along the columns of an image, given row by row:  i mod W = j mod W.   (Ho et al. 2019, sec. 3)

    >>> AxialColumns(height=2, width=2).mask(4, 4).int()[0]
    tensor([1, 0, 1, 0], dtype=torch.int32)
    """

    def allows(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries % self.width == keys % self.width

    def tiles(self, num_queries: int, num_keys: int) -> list[Tile] | None:
        self.offset(num_queries, num_keys)
        columns = (slice(column, None, self.width) for column in range(self.width))
        return [Tile(column, column) for column in columns]
