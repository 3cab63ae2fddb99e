"""Second derivatives of layers over edges and segments: gradient penalties, Hessians, influence functions."""

import pytest
import torch

from suite.attention.choices.scores import Additive, GATScore, GATv2Score, ScaledDot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.graph import GraphAttention, SparseRows
from suite.attention.layers.pooling import SegmentPooling
from suite.attention.ragged import edge_softmax
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import Segments
from suite.attention.ragged.sparse_matrix import Sparsity, spmm
from tests.attention.conftest import IMPLEMENTATIONS, needs_compiler

INDEX = torch.tensor([[0, 1, 2, 3, 0, 2], [1, 2, 3, 0, 0, 1]])
COMPILED = pytest.param("compiled", marks=needs_compiler)


def assert_right(layer, x, output):
    """The derivative of a gradient penalty equals finite differences, by the input and by every parameter."""
    parameters = [p for p in layer.parameters() if p.requires_grad]

    def penalised(x, *_):
        torch.manual_seed(3)
        return output(x)

    assert torch.autograd.gradgradcheck(penalised, [x.requires_grad_(), *parameters], fast_mode=True)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_graph_attention(implementation, dropout):
    torch.manual_seed(1)
    attention = EdgeAttention(GATScore(2, 4), dropout, implementation)
    layer = GraphAttention(3, 4, 2, attention, feature_dropout=dropout).double()
    edges, x = Edges.from_index(INDEX, 4), torch.randn(4, 3, dtype=torch.float64)
    assert_right(layer, x, lambda x: layer(x, edges))
    assert_right(layer, x, lambda x: layer(x, edges).context)


@pytest.mark.parametrize("score", [GATScore(4, 4), GATv2Score(4, 4), ScaledDot()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_groups_of_heads(score, dropout, monkeypatch):
    monkeypatch.setattr(edge_softmax, "GROUP", 12)  # two heads in a group
    torch.manual_seed(1)
    layer = GraphAttention(3, 4, 4, EdgeAttention(score, dropout), shared=False).double()
    edges, x = Edges.from_index(INDEX, 4), torch.randn(4, 3, dtype=torch.float64)
    assert_right(layer, x, lambda x: layer(x, edges))


@pytest.mark.parametrize("implementation", ["auto", COMPILED])
def test_sparse_features(implementation):
    torch.manual_seed(1)
    layer = GraphAttention(5, 4, 2, EdgeAttention(GATScore(2, 4), implementation=implementation)).double()
    features = Sparsity(torch.tensor([0, 2, 3, 3, 5]), torch.tensor([0, 4, 1, 2, 3]), 5)
    x = SparseRows(features, torch.randn(5, dtype=torch.float64))
    edges = Edges.from_index(INDEX, 4)
    assert_right(layer, torch.zeros(1, dtype=torch.float64), lambda _: layer(x, edges).context)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_segment_pooling(dropout):
    torch.manual_seed(1)
    layer = SegmentPooling(3, EdgeAttention(Additive(2, 4), dropout), num_heads=2, head_dim=4).double()
    segments, x = Segments.from_lengths(torch.tensor([2, 0, 3])), torch.randn(5, 3, dtype=torch.float64)
    assert_right(layer, x, lambda x: layer(x, segments).context)


def test_sparse_products():
    pattern = Sparsity(torch.tensor([0, 2, 2, 3]), torch.tensor([0, 3, 1]), 4)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((3,), (4, 2))]
    assert torch.autograd.gradgradcheck(lambda *x: spmm(pattern, *x), inputs)
