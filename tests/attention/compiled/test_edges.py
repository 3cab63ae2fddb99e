"""The compiled kernels of graph attention, against the reference and torch."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from suite.attention.choices.scores import GATScore
from suite.attention.compiled.edges import attend_edges_compiled, spmm_compiled
from suite.attention.compiled.nodes import spread_nodes
from suite.attention.edge_attention import EdgeAttention
from suite.attention.edge_functional import EdgeCall, attend_edges
from suite.attention.fast.edges import attend_edges_fast
from suite.attention.layers.graph import GraphAttention
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.sparse_matrix import Sparsity, spmm
from tests.attention.conftest import needs_compiler
from tests.numerics import assert_within_rounding, sampling_bound

pytestmark = needs_compiler


def a_graph(N: int, S: int, M: int) -> Edges:
    return Edges.from_index(torch.stack([torch.randint(S, (M,)), torch.randint(N, (M,)).sort().values]), N, S)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(*(st.integers(1, n) for n in (9, 9, 40))),
    heads=st.sampled_from([(1, 7), (2, 3), (8, 8), (9, 5), (16, 8), (8, 16)]),
    seed=st.integers(0, 99),
    with_weights=st.booleans(),
)
def test_values_and_gradients_equal_the_reference(sizes, heads, seed, with_weights):
    torch.manual_seed(seed)
    (N, S, M), (H, V) = sizes, heads
    edges, score = a_graph(N, S, M), GATScore(H, V).double()
    shapes = ((N, H, V), (S, H, V), (S, H, V))
    inputs = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    results = []
    for attend in (attend_edges_compiled, attend_edges):
        context, weights = attend(EdgeCall(*inputs, edges, score))
        loss = context.square().sum() + ((weights**3).sum() if with_weights else 0.0)
        results.append([context, weights, *torch.autograd.grad(loss, [*inputs, *score.parameters()])])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize(("H", "V"), [(1, 3), (8, 8), (5, 2)])
def test_gradients_with_dropout_of_weights_and_values_equal_finite_differences(H, V):
    torch.manual_seed(0)
    edges, score = a_graph(5, 5, 17), GATScore(H, V).double()
    x = torch.randn(5, H, V, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        torch.manual_seed(1)
        return tuple(attend_edges_compiled(EdgeCall(x, x, x, edges, score, dropout_p=0.4, value_dropout_p=0.3)))

    assert torch.autograd.gradcheck(call, (x, *score.parameters()))


def test_weights_are_dropped_at_their_rate_and_returned_undropped():
    torch.manual_seed(0)
    N, H = 2000, 3
    index = torch.arange(N).repeat(2, 1)  # each node attends to itself, with weight 1
    edges, x = Edges.from_index(index, N), torch.ones(N, H, 2).double()
    context, weights = attend_edges_compiled(EdgeCall(x, x, x, edges, GATScore(H, 2).double(), dropout_p=0.6))
    assert torch.equal(weights, torch.ones(N, H).double())
    torch.testing.assert_close(context.unique(), torch.tensor([0.0, 2.5]).double())
    assert abs((context[..., 0] == 0).double().mean() - 0.6) < sampling_bound(N * H, 0.24**0.5)


@pytest.mark.parametrize("width", [1, 7, 64, 75])
def test_sparse_products_equal_dense_ones(width):
    torch.manual_seed(0)
    dense = torch.rand(11, 13).double() * (torch.rand(11, 13) < 0.3)
    rows, columns = dense.nonzero().T
    pattern = Sparsity(torch.searchsorted(rows, torch.arange(12)), columns, 13)
    other = torch.randn(13, width, dtype=torch.float64, requires_grad=True)
    for product in (spmm_compiled, spmm):
        out = product(pattern, dense[rows, columns], other)
        torch.testing.assert_close(out, dense @ other)
        expected = dense.T @ torch.ones(11, width, dtype=torch.float64)
        torch.testing.assert_close(torch.autograd.grad(out.sum(), other)[0], expected)


def test_results_do_not_depend_on_the_number_of_threads():
    edges, score, results = a_graph(300, 300, 2000), GATScore(8, 8), []
    x = torch.randn(300, 8, 8, requires_grad=True)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        context, _ = attend_edges_compiled(EdgeCall(x, x, x, edges, score, 0.5, 0.5))
        results.append([context, *torch.autograd.grad(context.square().sum(), [x, *score.parameters()])])
    torch.set_num_threads(1)
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype):
    torch.manual_seed(0)
    edges, score, x = a_graph(6, 6, 20), GATScore(2, 3).to(dtype), torch.randn(6, 2, 3).to(dtype)
    ours = attend_edges_compiled(EdgeCall(x, x, x, edges, score))
    x = x.double()
    exact = attend_edges(EdgeCall(x, x, x, edges, score.double()))
    assert ours.context.dtype == dtype
    assert_within_rounding(ours.context, exact.context, terms=1)


@pytest.mark.parametrize("shared", [True, False])
def test_a_layer_equals_the_layer_without_kernels(shared):
    torch.manual_seed(0)
    edges, x = a_graph(30, 30, 100), torch.randn(30, 5).double()
    layers = [
        GraphAttention(5, 3, 2, EdgeAttention(GATScore(2, 3), implementation=implementation), shared=shared).double()
        for implementation in ("compiled", "auto")
    ]
    layers[0].load_state_dict(layers[1].state_dict())
    results = []
    for layer in layers:
        context, weights = layer(x, edges)
        results.append([context, weights, *torch.autograd.grad(context.square().sum(), list(layer.parameters()))])
    torch.testing.assert_close(*results)


def test_more_edges_than_32_bits_count_raise():
    x, edges = torch.randn(3, 2, 4), a_graph(3, 3, 5)
    edges.sparsity.columns = edges.sparsity.columns.long()  # as for a graph with 2^31 edges
    with pytest.raises(ValueError, match="counts edges in 32 bits, and this graph has more; use 'auto'"):
        attend_edges_compiled(EdgeCall(x, x, x, edges, GATScore(2, 4)))


def in_checkpoint(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    result: Tensor = checkpoint(function, x, use_reentrant=False)
    return result


def saved_elsewhere(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with save_on_cpu():
        return function(x)


def saved_with_other_strides(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    def transposed(x: Tensor) -> Tensor:
        return x.mT.contiguous().mT if x.dim() > 1 else x

    with saved_tensors_hooks(lambda x: x, transposed):
        return function(x)


@pytest.mark.parametrize("situation", [in_checkpoint, saved_elsewhere, saved_with_other_strides])
def test_the_backward_pass_reads_the_saved_tensors_and_not_freed_memory(situation):
    torch.manual_seed(0)
    edges, x = a_graph(300, 300, 3000), torch.randn(300, 16).double()
    layer = GraphAttention(16, 8, 4, EdgeAttention(GATScore(4, 8), 0.3, "compiled"), feature_dropout=0.2).double()
    parameters = list(layer.parameters())

    def context(x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return layer(x, edges).context

    expected = torch.autograd.grad(context(x).square().sum(), parameters)
    out = situation(context, x)
    junk = [torch.full((300, 4, 8), 7.0).double() for _ in range(20)]  # takes the memory that was freed
    torch.testing.assert_close(torch.autograd.grad(out.square().sum(), parameters), expected)
    assert len(junk) == 20


@pytest.mark.parametrize("attend", [attend_edges_compiled, attend_edges, attend_edges_fast])
def test_tensors_that_do_not_match_the_graph_raise(attend):
    edges, score = a_graph(10, 12, 40), GATScore(2, 4)
    right = [torch.randn(n, 2, 4) for n in (10, 12, 12)]
    attend(EdgeCall(*right, edges, score))
    for place in range(3):
        inputs = [x[:5] if n == place else x for n, x in enumerate(right)]
        with pytest.raises(ValueError, match="the graph has 10 receivers and 12 senders, got .* one row for each node"):
            attend(EdgeCall(*inputs, edges, score))
    with pytest.raises(ValueError, match=r"must be \(nodes, heads, width\) and agree in heads"):
        attend(EdgeCall(right[0][:, :1], *right[1:], edges, score))
    with pytest.raises(ValueError, match="same width, got a query of width 3 and a key of width 4"):
        attend(EdgeCall(right[0][..., :3], *right[1:], edges, score))


def test_bad_arguments_of_the_kernels_raise_and_read_nothing():
    x = torch.randn(6, 2, 4)
    with pytest.raises(ValueError, match=r"the score has vectors \(2, 3\) and \(2, 3\), got nodes \(6, 2, 4\)"):
        spread_nodes(x, torch.ones(2, 3), torch.ones(2, 3), 0.0)
    pattern = Sparsity(torch.tensor([0, 1, 2]), torch.tensor([0, 9]), 3)
    with pytest.raises(ValueError, match=r"columns in 0\.\.2 and offsets that rise from 0 to 2"):
        spmm_compiled(pattern, torch.ones(2), torch.ones(3, 4))
    with pytest.raises(ValueError, match="2 entries and 3 columns needs as many values and rows"):
        spmm_compiled(Sparsity(torch.tensor([0, 1, 2]), torch.tensor([0, 2]), 3), torch.ones(2), torch.ones(2, 4))
