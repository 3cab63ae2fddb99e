"""Softmax, dropout and sum along edges in one function, against the same in a loop over receivers."""

import pytest
import torch
from torch import Tensor

from suite.attention.operators.dropout import keep_mask
from suite.attention.ragged import edge_softmax
from suite.attention.ragged.edge_softmax import group_size, mix_edges, needs_head_groups
from suite.attention.ragged.edges import Edges
from tests.attention.ragged.conftest import H, M, N, S, V
from tests.numerics import assert_within_rounding


def tensors(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    scores = torch.randn(M, H, dtype=dtype, requires_grad=True)
    return scores, torch.randn(S, H, V, dtype=dtype, requires_grad=True)


def loop(scores: Tensor, value: Tensor, edges: Edges, factor: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """The equation, one receiver after the other."""
    receiver = edges.receivers.ids
    weights = torch.cat([scores[receiver == n].softmax(0) for n in range(N)])
    mixed = (weights * factor)[..., None] * value[edges.senders]
    return value.new_zeros(N, H, V).index_add(0, receiver, mixed), weights


def test_values_and_gradients_of_context_and_weights(heads: int, edges: Edges) -> None:
    scores, value = tensors()
    results = [mix_edges(scores, value, edges), loop(scores, value, edges)]
    torch.testing.assert_close(*results)
    probes = [torch.randn_like(x) for x in results[0]]
    for chosen in (slice(0, 1), slice(1, 2), slice(0, 2)):  # of context, of weights, of both
        grads = [
            torch.autograd.grad(
                sum((x * p).sum() for x, p in zip(result[chosen], probes[chosen], strict=True)),
                (scores, value),
                retain_graph=True,
                materialize_grads=True,
                allow_unused=True,
            )
            for result in results
        ]
        torch.testing.assert_close(*grads)


def test_dropout_applies_the_drawn_mask(heads: int, edges: Edges) -> None:
    scores, value = tensors()
    torch.manual_seed(3)
    context, weights = mix_edges(scores, value, edges, 0.25)
    torch.manual_seed(3)
    keep = keep_mask(torch.Size((H // heads, M, heads)), 0.25, scores.device).permute(1, 0, 2).reshape(M, H)
    assert 0 < int(keep.sum()) < keep.numel()
    expected, undropped = loop(scores, value, edges, keep / 0.75)
    torch.testing.assert_close(context, expected)
    torch.testing.assert_close(weights, undropped)
    probe = torch.randn_like(context)
    ours, theirs = (torch.autograd.grad((x * probe).sum(), (scores, value)) for x in (context, expected))
    torch.testing.assert_close(ours, theirs)


def test_groups_divide_the_heads_and_bound_the_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_softmax, "GROUP", 100)
    assert [group_size(edges, 8) for edges in (12, 13, 30, 51, 1000)] == [8, 4, 2, 1, 1]
    assert not needs_head_groups(12, 8)
    assert needs_head_groups(13, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype: torch.dtype, edges: Edges) -> None:
    scores, value = tensors(dtype)
    context, weights = mix_edges(scores, value, edges)
    assert (context.dtype, weights.dtype) == (dtype, dtype)
    (context.sum() + weights.square().sum()).backward()
    assert scores.grad is not None
    assert value.grad is not None
    assert bool(torch.isfinite(scores.grad).all() & torch.isfinite(value.grad).all())
    exact = loop(scores.double(), value.double(), edges)
    terms = 1 if dtype != torch.float32 else 2 * M + 8  # one rounding; or two sums over edges and the exponential
    for found, expected in zip((context, weights), exact, strict=True):
        assert_within_rounding(found, expected, terms)


def test_a_graph_without_edges_gives_zeros_and_gradients() -> None:
    empty = Edges.from_index(torch.zeros(2, 0, dtype=torch.int64), N, S)
    scores = torch.zeros(0, H, requires_grad=True)
    value = torch.randn(S, H, V, requires_grad=True)
    context, weights = mix_edges(scores, value, empty)
    (context.sum() + weights.sum()).backward()
    assert torch.equal(context, torch.zeros(N, H, V))
    assert torch.equal(value.grad, torch.zeros(S, H, V))
