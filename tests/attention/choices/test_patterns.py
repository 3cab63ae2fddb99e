"""Patterns against a loop of their rule; combinations; tiles that cover them; refusals."""

import itertools

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
def test_mask_follows_the_rule(pattern, queries, keys, rule):
    mask = pattern.mask(queries, keys)
    wanted = torch.tensor([[rule(i, j) for j in range(keys)] for i in range(queries)])
    assert torch.equal(torch.ones(queries, keys, dtype=torch.bool) if mask is None else mask, wanted)


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


def test_windows_over_fewer_queries_than_keys_are_tiled_where_the_queries_stand():
    query, key = torch.randn(1, 2, 50, 4), torch.randn(1, 2, 600, 4)
    for pattern in (Window(3, 2), LocalMonotonic(4)):
        fast = Attention(pattern=pattern)(query, key, key)
        assert fast.weights is None
        slow = Attention(pattern=pattern, implementation="reference")(query, key, key)
        torch.testing.assert_close(fast.context, slow.context)


def test_local_p_follows_luong():
    torch.manual_seed(0)
    pattern = LocalPredictive(num_heads=2, head_dim=3, width=2).double()
    query, key = torch.randn(2, 2, 4, 3).double(), torch.randn(2, 2, 9, 3).double()
    lengths = torch.tensor([9, 5])
    padding = (torch.arange(9) < lengths[:, None])[:, None, None]
    out = Attention(pattern=pattern)(query, key, key, mask=padding, need_weights=True)
    plain = torch.zeros_like(out.weights)
    for b, h, i in itertools.product(range(2), range(2), range(4)):
        q = query[b, h, i]
        p = lengths[b] * torch.sigmoid(pattern.vector[h, :, 0] @ torch.tanh(q @ pattern.weight[h]))  # eq. 9
        window = [s for s in range(int(lengths[b])) if abs(s - p) <= 2]
        align = torch.stack([q.dot(key[b, h, s]) / 3**0.5 for s in window]).softmax(-1)
        for s, a in zip(window, align, strict=True):
            plain[b, h, i, s] = a * torch.exp(-((s - p) ** 2) / (2 * 1.0**2))  # eq. 10, sigma = D / 2
    torch.testing.assert_close(out.weights, plain)
    gradients = torch.autograd.grad(out.context.sum(), list(pattern.parameters()))
    assert all(g.abs().sum() > 0 for g in gradients)  # the position is learnt


def test_padding_does_not_change_a_pattern_of_predicted_positions():
    pattern = LocalPredictive(2, 3)
    query, key = torch.randn(1, 2, 4, 3), torch.randn(1, 2, 6, 3)
    padded = torch.cat([key, torch.randn(1, 2, 5, 3)], dim=2)
    mask = (torch.arange(11) < 6)[None, None, None]
    alone, batched = (
        Attention(pattern=pattern)(query, key, key),
        Attention(pattern=pattern)(query, padded, padded, mask=mask),
    )
    torch.testing.assert_close(alone.context, batched.context)


def test_what_a_pattern_can_not_do_is_refused():
    with pytest.raises(
        ValueError, match="axial is built for 6 queries and 6 keys, got 4 and 6; build it for this length"
    ):
        AxialRows(2, 3).mask(4, 6)
    with pytest.raises(ValueError, match="of blocks is built for 6 queries .* got 9 and 9"):
        BlockSparse(LAYOUT, 2).mask(9, 9)
    with pytest.raises(ValueError, match="Causal and LocalMonotonic place 2 queries differently among 5 keys"):
        (Causal() & LocalMonotonic(3)).tiles(2, 5)
    with pytest.raises(ValueError, match="depends on the query, not on positions alone: join it with &, not with |"):
        (Causal() | LocalPredictive(1, 2))(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2))
    with pytest.raises(ValueError, match=r"lengths must be ints of shape \(batch,\), got torch.float32"):
        Lengths(torch.ones(2))
    with pytest.raises(ValueError, match="left and right count neighbours .* got left=-1"):
        Window(-1, 2)
    with pytest.raises(ValueError, match="partner must name every block from 0 to 2 once, got"):
        SinkhornBlocks(torch.tensor([0, 0, 2]), 2)
    with pytest.raises(ValueError, match=r"layout must be bool \(blocks, blocks\), got torch.float32"):
        BlockSparse(torch.ones(2, 2), 2)


def test_a_predicted_position_joins_a_causal_rule():
    query = torch.randn(1, 1, 5, 2)
    weights = Attention(pattern=Causal() & LocalPredictive(1, 2, width=2))(query, query, query).weights
    assert (weights[0, 0].triu(1) == 0).all()
