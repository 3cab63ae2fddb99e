"""Graph attention against PyG, the dense reference and numerical gradients."""

from types import ModuleType

import pytest
import torch

from suite.attention.choices.scores import GATScore, GATv2Score, Score
from suite.attention.edge_attention import EdgeAttention
from suite.attention.functional import attend
from suite.attention.layers.graph import GraphAttention, SparseRows
from suite.attention.ragged.edges import Edges, add_self_loops
from suite.attention.ragged.sparse_matrix import Sparsity

N, F, H, D = 11, 5, 3, 7
SCORES = [GATScore, GATv2Score]


def graph(seed: int = 0, edges: int = 29) -> torch.Tensor:
    """Distinct edges in no order; node N - 1 receives none and sends some, node N - 2 neither."""
    torch.manual_seed(seed)
    edge_index = torch.stack([torch.randint(0, N, (edges,)), torch.randint(0, N - 2, (edges,))])
    edge_index = edge_index[:, edge_index[0] != N - 2].unique(dim=1)
    return edge_index[:, torch.randperm(edge_index.shape[1])]


@pytest.mark.parametrize("combine", ["concat", "mean"])
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("edge_index", [graph(), torch.zeros(2, 0, dtype=torch.int64)], ids=["edges", "no edges"])
def test_values_and_gradients_equal_pyg(
    pyg: ModuleType, score: type[Score], combine: str, edge_index: torch.Tensor
) -> None:
    torch.manual_seed(1)
    shared = score is GATScore
    conv_class = pyg.nn.GATConv if shared else pyg.nn.GATv2Conv
    conv = conv_class(F, D, heads=H, concat=combine == "concat", add_self_loops=False)
    layer = GraphAttention(F, D, H, EdgeAttention(score(H, D)), shared=shared, combine=combine)
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
    x = torch.randn(N, F, requires_grad=True)
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
def test_edges_equal_the_dense_form_under_an_adjacency_mask(score: type[Score]) -> None:
    edges, fn = Edges.from_index(graph(), N), score(H, D).double()
    query, key = (torch.randn(N, H, D, dtype=torch.float64, requires_grad=True) for _ in range(2))
    value = torch.randn(N, H, 2, dtype=torch.float64, requires_grad=True)
    sparse = EdgeAttention(fn)(query, key, value, edges)
    heads_first = [x.transpose(0, 1)[None] for x in (query, key, value)]
    dense = attend(*heads_first, score=fn, mask=edges.mask())
    torch.testing.assert_close(sparse.context, dense.context[0].transpose(0, 1))
    sender, receiver = graph()
    torch.testing.assert_close(sparse.weights, dense.weights[0, :, receiver, sender].t())
    gradient = torch.randn_like(sparse.context)
    ours = torch.autograd.grad(sparse.context, [query, key, value], gradient)
    theirs = torch.autograd.grad(dense.context, [query, key, value], gradient.transpose(0, 1)[None])
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("score", SCORES)
def test_scores_agree_in_pairs_dense_and_edges(score: type[Score]) -> None:
    fn, edges = score(H, D), Edges.from_index(graph(), N)
    query, key = torch.randn(N, H, D), torch.randn(N, H, D)
    pairs = fn.pairs(query[:, None], key[None])  # (N, N, H)
    torch.testing.assert_close(fn(query.transpose(0, 1)[None], key.transpose(0, 1)[None])[0], pairs.permute(2, 0, 1))
    torch.testing.assert_close(fn.edges(query, key, edges), pairs[edges.receivers.ids, edges.senders])


@pytest.mark.parametrize("score", SCORES)
def test_gradients_hold_numerically(score: type[Score]) -> None:
    edges, fn = Edges.from_index(graph(edges=13), N), score(2, 3).double()
    inputs = [torch.randn(N, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(lambda q, k, v: EdgeAttention(fn)(q, k, v, edges).context, inputs)


def test_isolated_receivers_get_zeros_and_weights_sum_to_one() -> None:
    edges = Edges.from_index(graph(), N)
    layer = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D)), bias=False)
    x = torch.randn(N, F, requires_grad=True)
    context, weights = layer(x, edges)
    context.sum().backward()
    isolated = ~edges.mask().any(1)
    assert int(isolated.sum()) >= 2
    assert torch.equal(context[isolated], torch.zeros(int(isolated.sum()), H * D))
    assert bool(x.grad.isfinite().all())
    sums = torch.zeros(N, H).index_add(0, graph()[1], weights)
    torch.testing.assert_close(sums[~isolated], torch.ones(int((~isolated).sum()), H))


def test_the_order_of_edges_changes_nothing_but_the_order_of_weights() -> None:
    edge_index, layer, x = (
        graph(),
        GraphAttention(F, D, H, EdgeAttention(GATv2Score(H, D)), shared=False),
        torch.randn(N, F),
    )
    order = torch.randperm(edge_index.shape[1])
    first = layer(x, Edges.from_index(edge_index, N))
    second = layer(x, Edges.from_index(edge_index[:, order], N))
    torch.testing.assert_close(first.context, second.context)
    torch.testing.assert_close(first.weights[order], second.weights)


def test_more_senders_than_receivers_is_a_rectangular_graph() -> None:
    edge_index = torch.tensor([[4, 0, 2], [1, 1, 0]])
    edges = Edges.from_index(edge_index, num_receivers=2, num_senders=5)
    query, key = torch.randn(2, H, D), torch.randn(5, H, D)
    output = EdgeAttention(GATScore(H, D))(query, key, key, edges)
    assert output.context.shape == (2, H, D)
    torch.testing.assert_close(output.context[0], key[2])


def test_sparse_rows_equal_the_dense_features() -> None:
    x = torch.randn(N, F) * (torch.rand(N, F) < 0.4)
    csr = x.to_sparse_csr()
    rows = SparseRows(Sparsity(csr.crow_indices(), csr.col_indices(), F), csr.values())
    layer, edges = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D))), Edges.from_index(graph(), N)
    dense, sparse = layer(x, edges), layer(rows, edges)
    torch.testing.assert_close(sparse.context, dense.context)
    gradients = [torch.autograd.grad(output.context.square().sum(), layer.value_proj)[0] for output in (dense, sparse)]
    torch.testing.assert_close(*gradients)


def test_dropout_acts_in_training_only_and_leaves_the_returned_weights_whole() -> None:
    edges = Edges.from_index(add_self_loops(graph(), N), N)
    layer = GraphAttention(F, D, H, EdgeAttention(GATScore(H, D), dropout=0.5), feature_dropout=0.5)
    x = torch.randn(N, F)
    weights = layer.train()(x, edges).weights
    torch.testing.assert_close(torch.zeros(N, H).index_add(0, edges.receivers.ids, weights), torch.ones(N, H))
    assert not torch.equal(layer(x, edges).context, layer(x, edges).context)
    assert torch.equal(layer.eval()(x, edges).context, layer(x, edges).context)


def test_self_loops_are_added_once_and_edges_sorted() -> None:
    edge_index = add_self_loops(torch.tensor([[2, 1, 1], [0, 1, 0]]), 3)
    assert edge_index.tolist() == [[0, 1, 2, 1, 2], [0, 0, 0, 1, 2]]


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        (torch.tensor([[0, 11], [1, 2]]), "edge 1 has sender 11, outside the 11 nodes 0..10"),
        (torch.tensor([[0, 1], [-1, 2]]), "edge 0 has receiver -1"),
        (torch.zeros(3, 2, dtype=torch.int64), r"int64 of shape \(2, M\)"),
        (torch.zeros(2, 2), "got torch.float32"),
    ],
)
def test_bad_edges_are_refused_by_name(edge_index: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Edges.from_index(edge_index, N)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("edge_index", [graph(), torch.zeros(2, 0, dtype=torch.int64)], ids=["edges", "no edges"])
def test_the_kernels_equal_the_readable_reference(score: type[Score], edge_index: torch.Tensor) -> None:
    torch.manual_seed(2)
    edges, x = Edges.from_index(edge_index, N), torch.randn(N, F, dtype=torch.float64, requires_grad=True)
    fast = GraphAttention(F, D, H, EdgeAttention(score(H, D))).double()
    slow = GraphAttention(F, D, H, EdgeAttention(score(H, D), implementation="reference")).double()
    slow.load_state_dict(fast.state_dict())
    gradient = torch.randn(N, H * D, dtype=torch.float64)
    results = []
    for layer in (fast, slow):
        output = layer(x, edges)
        results.append((*output, *torch.autograd.grad(output.context, [x, *layer.parameters()], gradient)))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other)
