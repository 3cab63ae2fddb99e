"""Every pattern follows a loop of its rule; combinations; tiles that cover every allowed pair; rejected input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.attention.attention import Attention
from suite.attention.choices.block_patterns import AxialColumns, AxialRows, BlockSparse, GlobalLocal, SinkhornBlocks
from suite.attention.choices.local_patterns import LocalMonotonic, LocalPredictive
from suite.attention.choices.patterns import Causal, Full, GraphEdges, Lengths, Pattern, Window

LAYOUT = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 1, 1]]).bool()
RULES = [  # pattern, queries, keys, rule on query number i and key number j
    (Full(), 3, 5, lambda i, j: True),
    (Causal(), 5, 5, lambda i, j: j <= i),
    (Causal(), 2, 5, lambda i, j: j <= i + 3),
    (Causal(), 5, 2, lambda i, j: j <= i - 3),
    (Window(2, 1), 7, 7, lambda i, j: i - 2 <= j <= i + 1),
    (Window(2, 1), 3, 7, lambda i, j: i + 4 - 2 <= j <= i + 4 + 1),
    (LocalMonotonic(2), 3, 7, lambda i, j: abs(i - j) <= 2),
    (BlockSparse(LAYOUT, 2), 5, 5, lambda i, j: bool(LAYOUT[i // 2, j // 2])),
    (SinkhornBlocks(torch.tensor([1, 2, 0]), 2), 6, 6, lambda i, j: j // 2 in (i // 2, [1, 2, 0][i // 2])),
    (GlobalLocal(2, 1), 7, 7, lambda i, j: i < 2 or j < 2 or abs(i - j) <= 1),
    (AxialRows(2, 3), 6, 6, lambda i, j: i // 3 == j // 3),
    (AxialColumns(2, 3), 6, 6, lambda i, j: i % 3 == j % 3),
    (GraphEdges(torch.tensor([[0, 1, 2], [2, 1, 0]]), 3), 3, 3, lambda i, j: (j, i) in {(0, 2), (1, 1), (2, 0)}),
    (Causal() & Window(1, 3), 5, 5, lambda i, j: i - 1 <= j <= i),
    (Window(0, 0) | GlobalLocal(1, 0), 5, 5, lambda i, j: i == j or i == 0 or j == 0),
    (Full() | Causal(), 3, 3, lambda i, j: True),
    (Full() & Causal(), 3, 3, lambda i, j: j <= i),
]


@pytest.mark.parametrize(("pattern", "queries", "keys", "rule"), RULES, ids=lambda x: type(x).__name__)
def test_the_mask_follows_the_rule(pattern, queries, keys, rule):
    mask = pattern.mask(queries, keys)
    expected = torch.tensor([[rule(i, j) for j in range(keys)] for i in range(queries)])
    assert torch.equal(torch.ones(queries, keys, dtype=torch.bool) if mask is None else mask, expected)


def test_lengths_of_a_batch_combine_with_positions():
    mask = (Causal() & Lengths(torch.tensor([0, 2]))).mask(3, 3)
    assert mask.shape == (2, 1, 3, 3)
    assert not mask[0].any()
    assert mask[1, 0].tolist() == [[True, False, False], [True, True, False], [True, True, False]]


TILED = st.sampled_from(["window", "global", "blocks", "rows", "columns", "both", "local"])


@settings(max_examples=80, deadline=None)
@given(TILED, st.integers(0, 5), st.integers(0, 5), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_tiles_hold_each_query_once_and_every_allowed_pair(kind, left, right, block, height, width):
    length = height * width
    blocks = -(-length // block)
    pattern: Pattern = {
        "window": lambda: Window(left, right),
        "global": lambda: GlobalLocal(right, left),
        "blocks": lambda: BlockSparse(torch.rand(blocks, blocks) > 0.7, block),
        "rows": lambda: AxialRows(height, width),
        "columns": lambda: AxialColumns(height, width),
        "both": lambda: Causal() & Window(left, right),
        "local": lambda: LocalMonotonic(left),
    }[kind]()
    tiles = pattern.tiles(length, length)
    if tiles is None:
        return
    covered, served = torch.zeros(length, length, dtype=torch.bool), torch.zeros(length, dtype=torch.int)
    for tile in tiles:
        served[tile.queries] += 1
        rows = torch.arange(length)[tile.queries]
        keys = torch.arange(length)[tile.keys]
        covered[rows[:, None], keys] = True
        assert len(keys) == len(keys.unique())
    assert (served == 1).all()
    mask = pattern.mask(length, length)
    assert (covered | ~mask).all()


def test_tiles_of_fewer_queries_than_keys_follow_the_positions_of_the_queries():
    query, key = torch.randn(1, 2, 50, 4).double(), torch.randn(1, 2, 600, 4).double()
    for pattern in (Window(3, 2), LocalMonotonic(4)):
        fast = Attention(pattern=pattern)(query, key, key)
        assert fast.weights is None
        slow = Attention(pattern=pattern, implementation="reference")(query, key, key)
        torch.testing.assert_close(fast.context, slow.context)


def test_bad_input_raises():
    with pytest.raises(ValueError, match="Causal and LocalMonotonic align 2 queries with 5 keys differently"):
        (Causal() & LocalMonotonic(3)).tiles(2, 5)
    with pytest.raises(ValueError, match=r"lengths must be ints of shape \(batch,\), got torch.float32"):
        Lengths(torch.ones(2))
    with pytest.raises(ValueError, match="left and right must be at least 0, got left=-1 and right=2"):
        Window(-1, 2)
    with pytest.raises(ValueError, match="combine it with &, not with |"):
        (Causal() | LocalPredictive(1, 2))(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2))
