"""The graph attention layer against PyG and its plain implementation; sparse features; dropout."""

from types import ModuleType

import pytest
import torch

from suite.attention.choices.scores import GATScore, GATv2Score, Score
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.graph import GraphAttention, SparseRows
from suite.attention.ragged.edges import Edges, add_self_loops
from suite.attention.ragged.sparse_matrix import Sparsity

N, F, H, D = 11, 5, 3, 7
SCORES = [GATScore, GATv2Score]


def graph(seed: int = 0, edges: int = 29) -> torch.Tensor:
    """Distinct edges in no order; node N - 1 sends only, node N - 2 has no edge."""
    torch.manual_seed(seed)
    edge_index = torch.stack([torch.randint(0, N, (edges,)), torch.randint(0, N - 2, (edges,))])
    edge_index = edge_index[:, edge_index[0] != N - 2].unique(dim=1)
    return edge_index[:, torch.randperm(edge_index.shape[1])]


GRAPHS = pytest.mark.parametrize(
    "edge_index", [graph(), torch.zeros(2, 0, dtype=torch.int64)], ids=["edges", "no edges"]
)


@pytest.mark.parametrize("combine", ["concat", "mean"])
@pytest.mark.parametrize("score", SCORES)
@GRAPHS
def test_values_and_gradients_equal_pyg(
    pyg: ModuleType, score: type[Score], combine: str, edge_index: torch.Tensor
) -> None:
    torch.manual_seed(1)
    shared = score is GATScore
    conv_class = pyg.nn.GATConv if shared else pyg.nn.GATv2Conv
    conv = conv_class(F, D, heads=H, concat=combine == "concat", add_self_loops=False).double()
    layer = GraphAttention(F, D, H, EdgeAttention(score(H, D)), shared=shared, combine=combine).double()
    with torch.no_grad():
        conv.bias.normal_()
        layer.bias.copy_(conv.bias)
        if shared:
            layer.value_proj.copy_(conv.lin.weight)
            layer.score.key_vector.copy_(conv.att_src[0])
            layer.score.query_vector.copy_(conv.att_dst[0])
        else:
            conv.lin_l.bias.zero_()
            conv.lin_r.bias.zero_()
            layer.value_proj.copy_(conv.lin_l.weight)
            layer.query_proj.copy_(conv.lin_r.weight)
            layer.score.vector.copy_(conv.att[0])
    x = torch.randn(N, F, dtype=torch.float64, requires_grad=True)
    expected, (_, alpha) = conv(x, edge_index, return_attention_weights=True)
    output = layer(x, Edges.from_index(edge_index, N))
    torch.testing.assert_close(output.context, expected)
    torch.testing.assert_close(output.weights, alpha)
    gradient = torch.randn_like(expected)
    pairs = [(layer.value_proj, conv.lin.weight if shared else conv.lin_l.weight), (layer.bias, conv.bias)]
    pairs += (
        [(layer.score.key_vector, conv.att_src), (layer.score.query_vector, conv.att_dst)]
        if shared
        else [(layer.query_proj, conv.lin_r.weight), (layer.score.vector, conv.att)]
    )
    ours = torch.autograd.grad(output.context, [x, *(mine for mine, _ in pairs)], gradient)
    theirs = torch.autograd.grad(expected, [x, *(other for _, other in pairs)], gradient, allow_unused=True)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, torch.zeros_like(mine) if other is None else other.view_as(mine))


@pytest.mark.parametrize("score", SCORES)
@GRAPHS
def test_sparse_products_equal_plain_gathers(score: type[Score], edge_index: torch.Tensor) -> None:
    torch.manual_seed(2)
    edges, x = Edges.from_index(edge_index, N), torch.randn(N, F, dtype=torch.float64, requires_grad=True)
    fast = GraphAttention(F, D, H, EdgeAttention(score(H, D))).double()
    plain = GraphAttention(F, D, H, EdgeAttention(score(H, D), implementation="reference")).double()
    plain.load_state_dict(fast.state_dict())
    gradient = torch.randn(N, H * D, dtype=torch.float64)
    results = []
    for layer in (fast, plain):
        output = layer(x, edges)
        results.append((*output, *torch.autograd.grad(output.context, [x, *layer.parameters()], gradient)))
    torch.testing.assert_close(*results)


def test_the_order_of_edges_changes_only_the_order_of_weights() -> None:
    edge_index, x = graph(), torch.randn(N, F).double()
    layer = GraphAttention(F, D, H, EdgeAttention(GATv2Score(H, D)), shared=False).double()
    order = torch.randperm(edge_index.shape[1])
    first = layer(x, Edges.from_index(edge_index, N))
    second = layer(x, Edges.from_index(edge_index[:, order], N))
    torch.testing.assert_close(first.context, second.context)
    torch.testing.assert_close(first.weights[order], second.weights)


def test_nodes_without_edges_get_zeros_and_finite_gradients() -> None:
    edges = Edges.from_index(graph(), N)
    layer = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D)), bias=False)
    x = torch.randn(N, F, requires_grad=True)
    context, _ = layer(x, edges)
    context.sum().backward()
    isolated = ~edges.mask().any(1)
    assert int(isolated.sum()) >= 2
    assert torch.equal(context[isolated], torch.zeros(int(isolated.sum()), H * D))
    assert bool(x.grad.isfinite().all())


def test_sparse_rows_equal_the_dense_features() -> None:
    torch.manual_seed(0)
    x = torch.randn(N, F).double() * (torch.rand(N, F) < 0.4)
    row, column = x.nonzero().T
    rows = SparseRows(Sparsity(torch.searchsorted(row, torch.arange(N + 1)), column, F), x[row, column])
    layer, edges = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D))).double(), Edges.from_index(graph(), N)
    dense, sparse = layer(x, edges), layer(rows, edges)
    torch.testing.assert_close(sparse.context, dense.context)
    gradients = [torch.autograd.grad(output.context.square().sum(), layer.value_proj)[0] for output in (dense, sparse)]
    torch.testing.assert_close(*gradients)


def test_dropout_acts_during_training_only_and_returned_weights_sum_to_one() -> None:
    edges = Edges.from_index(add_self_loops(graph(), N), N)
    layer = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D), dropout=0.5), feature_dropout=0.5).double()
    x = torch.randn(N, F).double()
    weights = layer.train()(x, edges).weights
    sums = torch.zeros(N, H).double().index_add(0, edges.receivers.ids, weights)
    torch.testing.assert_close(sums, torch.ones(N, H).double())
    assert not torch.equal(layer(x, edges).context, layer(x, edges).context)
    assert torch.equal(layer.eval()(x, edges).context, layer(x, edges).context)


def test_another_combination_of_heads_raises() -> None:
    with pytest.raises(ValueError, match="combine must be 'concat' or 'mean', got 'sum'"):
        GraphAttention(F, D, H, EdgeAttention(GATScore(H, D)), combine="sum")
