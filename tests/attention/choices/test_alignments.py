"""Alignments against the entmax package and the papers' loops."""

import entmax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.choices.alignments import (
    Entmax15,
    Hard,
    Monotonic,
    Sigmoid,
    Sinkhorn,
    Softmax,
    Sparsemax,
    StraightThrough,
)

B, H, L, S = 2, 3, 5, 7
ALL = [Softmax(), Softmax(0.3), Sparsemax(), Entmax15(), Sigmoid(), Monotonic(), Sinkhorn(), Hard(), StraightThrough()]


def some_scores(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return (3 * torch.randn(*shape)).double().requires_grad_()


@pytest.mark.parametrize(("ours", "theirs"), [(Sparsemax(), entmax.sparsemax), (Entmax15(), entmax.entmax15)])
def test_sparse_alignments_equal_the_entmax_package(ours, theirs):
    scores = some_scores(B, H, L, S)
    upstream = torch.randn(B, H, L, S).double()
    torch.testing.assert_close(ours(scores), theirs(scores, dim=-1))
    (a,) = torch.autograd.grad((ours(scores) * upstream).sum(), scores)
    (b,) = torch.autograd.grad((theirs(scores, dim=-1) * upstream).sum(), scores)
    torch.testing.assert_close(a, b)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(0, 999), st.sampled_from([1e-3, 1.0, 1e3]), st.sampled_from([1.0, 2.0]))
def test_sparse_alignments_ignore_what_is_masked(length, seed, size, shift):
    torch.manual_seed(seed)
    scores = size * torch.randn(4, 9).double() + shift * size
    mask = torch.rand(4, 9) < length / 9
    for ours, theirs in ((Sparsemax(), entmax.sparsemax), (Entmax15(), entmax.entmax15)):
        weights = ours(scores, mask)
        assert (weights[~mask] == 0).all()
        for row in range(4):
            kept = scores[row][mask[row]]
            wanted = theirs(kept, dim=-1) if len(kept) else kept
            torch.testing.assert_close(weights[row][mask[row]], wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("alignment", [a for a in ALL if not isinstance(a, Hard)], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_finite_differences(alignment, masked):
    scores = some_scores(1, 2, L, L)
    mask = torch.ones(L, L, dtype=torch.bool).tril() if masked else None
    torch.autograd.gradcheck(lambda x: alignment(x, mask), scores)


@pytest.mark.parametrize("alignment", ALL, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rows_sum_to_one_or_zero_and_nothing_is_nan(alignment, dtype):
    scores = (20 * torch.randn(B, H, S, S)).to(dtype).requires_grad_()
    mask = torch.rand(B, 1, S, S) > 0.3
    mask[0, 0, 1] = False
    mask[1] = False
    weights = alignment(scores, mask)
    assert weights.dtype == dtype
    assert weights.isfinite().all()
    assert (weights.masked_select(~mask.expand_as(weights)) == 0).all()
    if not isinstance(alignment, Monotonic):  # whose reader may run off the end
        wanted = mask.any(-1).expand(B, H, S).float()
        torch.testing.assert_close(weights.float().sum(-1), wanted, atol=0.02, rtol=0)
    if weights.requires_grad:
        (gradient,) = torch.autograd.grad(weights.square().sum(), scores)
        assert gradient.isfinite().all()


def test_smoothing_is_chorowskis_ratio_of_sigmoids():
    scores = some_scores(L, S)
    torch.testing.assert_close(Sigmoid()(scores), scores.sigmoid() / scores.sigmoid().sum(-1, keepdim=True))


def test_monotonic_follows_raffels_recurrence_and_its_state():
    scores = some_scores(B, H, L, S).detach()
    mask = torch.arange(S) < torch.tensor([S, 4])[:, None, None, None]
    p = scores.sigmoid() * mask
    alpha = torch.zeros(B, H, S).double()
    alpha[..., 0] = 1.0
    rows = []
    for i in range(L):
        q = torch.zeros(B, H).double()
        row = []
        for j in range(S):
            q = q * (1 - (p[:, :, i, j - 1] if j else 0)) + alpha[..., j]  # eq. 9
            row.append(p[:, :, i, j] * q)  # eq. 10
        alpha = torch.stack(row, -1)
        rows.append(alpha)
    whole = Monotonic()(scores, mask)
    torch.testing.assert_close(whole, torch.stack(rows, -2))
    steps, previous = [], None
    for i in range(L):
        previous = Monotonic()(scores[:, :, i : i + 1], mask, previous=previous)
        steps.append(previous)
    torch.testing.assert_close(torch.cat(steps, dim=2), whole)


def test_monotonic_survives_scores_that_saturate():
    scores = torch.full((1, 1, 3, 400), -200.0, requires_grad=True)
    weights = Monotonic()(scores)
    weights.sum().backward()
    assert weights.isfinite().all()
    assert scores.grad.isfinite().all()


def test_sinkhorn_balances_rows_and_columns_and_finds_a_permutation():
    weights = Sinkhorn(iterations=50)(some_scores(B, H, S, S))
    one = torch.ones(B, H, S).double()
    torch.testing.assert_close(weights.sum(-1), one)
    torch.testing.assert_close(weights.sum(-2), one, atol=1e-3, rtol=0)
    permutation = torch.eye(S)[torch.randperm(S)]
    torch.testing.assert_close(Sinkhorn()(40 * permutation[None, None])[0, 0], permutation)
    with pytest.raises(
        ValueError, match="balances a square matrix, got 5 queries and 7 keys; use attention.alignment=soft"
    ):
        Sinkhorn()(some_scores(B, H, L, S))


def test_hard_attention_samples_its_distribution_and_is_certain_in_evaluation():
    scores = torch.tensor([1.0, 0.0, 2.0, 9.0])
    mask = torch.tensor([True, True, True, False])
    torch.manual_seed(0)
    drawn = Hard()(scores.expand(20000, 4), mask)
    wanted = torch.cat([scores[:3].softmax(-1), torch.zeros(1)])
    torch.testing.assert_close(drawn.mean(0), wanted, atol=0.02, rtol=0)
    assert Hard().eval()(scores, mask).tolist() == [0.0, 0.0, 1.0, 0.0]


def test_reinforce_estimates_the_gradient_of_the_expected_reward():
    torch.manual_seed(0)
    scores = torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    reward = torch.tensor([1.0, 3.0, -2.0], dtype=torch.float64)
    (exact,) = torch.autograd.grad((scores.softmax(-1) * reward).sum(), scores)
    many = scores.expand(40000, 3)
    weights = Hard()(many)
    (estimate,) = torch.autograd.grad((Hard().log_prob(many, weights) * (weights @ reward)).mean(), scores)
    torch.testing.assert_close(estimate, exact, atol=0.02, rtol=0)


def test_straight_through_has_the_gradient_of_softmax():
    scores, upstream = some_scores(L, S), torch.randn(L, S).double()
    weights = StraightThrough()(scores)
    assert set(weights.detach().round(decimals=9).unique().tolist()) == {0.0, 1.0}
    (ours,) = torch.autograd.grad((weights * upstream).sum(), scores)
    (wanted,) = torch.autograd.grad((scores.softmax(-1) * upstream).sum(), scores)
    torch.testing.assert_close(ours, wanted)


def test_the_module_gives_the_log_probability_of_what_it_drew():
    query = torch.randn(B, H, L, 4, requires_grad=True)
    attention = Attention(alignment=Hard())
    out = attention(query, query, query)
    log_prob = attention.log_prob(query, query, out.weights)
    assert log_prob.shape == (B, H, L)
    log_prob.sum().backward()
    wanted = attention.score(query, query).log_softmax(-1)[out.weights == 1]
    torch.testing.assert_close(log_prob.flatten(), wanted)
    with pytest.raises(ValueError, match="alignment Softmax does not sample; use attention.alignment=hard"):
        Attention().log_prob(query, query, out.weights)


def test_softmax_refuses_a_temperature_that_is_not_positive():
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        Softmax(0.0)
