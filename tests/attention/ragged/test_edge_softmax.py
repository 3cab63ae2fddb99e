"""Softmax, dropout and sum along edges in one function, against the same in plain gathers."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.choices.scores import GATScore
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.graph import GraphAttention
from suite.attention.operators.dropout import keep_mask
from suite.attention.ragged import edge_softmax
from suite.attention.ragged.edge_softmax import mix_edges
from suite.attention.ragged.edge_softmax_of_sums import mix_sums
from suite.attention.ragged.edges import Edges

N, S, M, H, V = 5, 7, 23, 6, 3  # receivers, senders, edges, heads, width


@pytest.fixture(params=[1, 2, 6], ids=lambda heads: f"{heads}_heads_at_a_time")
def heads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(edge_softmax, "GROUP", M * request.param)
    return int(request.param)


@pytest.fixture
def edges() -> Edges:
    torch.manual_seed(0)
    index = torch.stack([torch.randint(S, (M,)), torch.randint(1, N, (M,)).sort().values])  # receiver 0 has none
    return Edges.from_index(index, N, S)


def tensors(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    scores = torch.randn(M, H, dtype=dtype, requires_grad=True)
    return scores, torch.randn(S, H, V, dtype=dtype, requires_grad=True)


def plain(scores: Tensor, value: Tensor, edges: Edges, factor: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """A loop over receivers."""
    receiver = edges.receivers.ids
    weights = torch.cat([scores[receiver == n].softmax(0) for n in range(N)])
    mixed = (weights * factor)[..., None] * value[edges.senders]
    return value.new_zeros(N, H, V).index_add(0, receiver, mixed), weights


def test_values_and_gradients_of_context_and_weights(heads: int, edges: Edges) -> None:
    scores, value = tensors()
    results = [mix_edges(scores, value, edges), plain(scores, value, edges)]
    probes = [torch.randn_like(x) for x in results[0]]
    grads = [
        torch.autograd.grad(sum((x * p).sum() for x, p in zip(result, probes, strict=True)), (scores, value))
        for result in results
    ]
    for ours, expected in zip((*results[0], *grads[0]), (*results[1], *grads[1]), strict=True):
        torch.testing.assert_close(ours, expected)
    only_weights = torch.autograd.grad((mix_edges(scores, value, edges)[1] ** 2).sum(), scores)
    torch.testing.assert_close(only_weights, torch.autograd.grad((plain(scores, value, edges)[1] ** 2).sum(), scores))


def test_dropout_is_that_of_the_mask_drawn(heads: int, edges: Edges) -> None:
    scores, value = tensors()
    torch.manual_seed(3)
    context, weights = mix_edges(scores, value, edges, 0.25)
    torch.manual_seed(3)
    keep = keep_mask(torch.Size((H // heads, M, heads)), 0.25, scores.device).permute(1, 0, 2).reshape(M, H)
    assert 0 < int(keep.sum()) < keep.numel()
    expected, whole = plain(scores, value, edges, keep / 0.75)
    torch.testing.assert_close(context, expected)
    torch.testing.assert_close(weights, whole)
    probe = torch.randn_like(context)
    ours, theirs = (torch.autograd.grad((x * probe).sum(), (scores, value)) for x in (context, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("slope", [0.2, 0.0, -0.3])
@pytest.mark.parametrize("dropout_p", [0.0, 0.25])
def test_scores_that_are_sums_are_made_again_on_the_way_back(
    heads: int, edges: Edges, slope: float, dropout_p: float
) -> None:
    terms = [torch.randn(number, H, dtype=torch.float64, requires_grad=True) for number in (N, S)]
    value = torch.randn(S, H, V, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    ours = mix_sums(*terms, slope, value, edges, dropout_p)
    torch.manual_seed(3)
    scores = F.leaky_relu(terms[0][edges.receivers.ids] + terms[1][edges.senders], slope)
    expected = mix_edges(scores, value, edges, dropout_p)
    probes = [torch.randn_like(x) for x in ours]
    for found in (slice(0, 1), slice(1, 2), slice(0, 2)):  # of context, of weights, of both
        grads = [
            torch.autograd.grad(
                sum((x * p).sum() for x, p in zip(pair[found], probes[found], strict=True)),
                [*terms, value],
                retain_graph=True,
            )
            for pair in (ours, expected)
        ]
        torch.testing.assert_close((*ours, *grads[0]), (*expected, *grads[1]))


def test_a_layer_takes_that_way_by_itself(heads: int, edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = GraphAttention(4, 3, H, EdgeAttention(GATScore(H, 3))), torch.randn(S, 4)
    square = Edges.from_index(torch.stack([edges.senders, edges.receivers.ids]), S, S)
    found = layer(x, square)
    monkeypatch.setattr(edge_softmax, "GROUP", 1 << 20)
    torch.testing.assert_close(tuple(layer(x, square)), tuple(found))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_types_pass_through(dtype: torch.dtype, edges: Edges) -> None:
    scores, value = tensors(dtype)
    context, weights = mix_edges(scores, value, edges)
    assert (context.dtype, weights.dtype) == (dtype, dtype)
    (context.sum() + weights.square().sum()).backward()
    assert scores.grad is not None
    assert value.grad is not None
    assert bool(torch.isfinite(scores.grad).all() & torch.isfinite(value.grad).all())
    torch.testing.assert_close(context, plain(scores, value, edges)[0], rtol=2e-2, atol=2e-2)


def test_a_graph_without_edges_gives_zeros_and_gradients() -> None:
    empty = Edges.from_index(torch.zeros(2, 0, dtype=torch.int64), N, S)
    scores = torch.zeros(0, H, requires_grad=True)
    value = torch.randn(S, H, V, requires_grad=True)
    context, weights = mix_edges(scores, value, empty)
    (context.sum() + weights.sum()).backward()
    assert torch.equal(context, torch.zeros(N, H, V))
    assert torch.equal(value.grad, torch.zeros(S, H, V))
