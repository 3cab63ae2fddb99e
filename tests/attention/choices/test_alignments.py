"""Alignments against the entmax package and loops of the papers' equations."""

import entmax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

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
from tests.attention.conftest import B, H, L, S
from tests.numerics import rounding_bound, sampling_bound

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
def test_sparse_alignments_ignore_masked_scores(length, seed, size, shift):
    torch.manual_seed(seed)
    scores = size * torch.randn(4, 9).double() + shift * size
    mask = torch.rand(4, 9) < length / 9
    # tau of entmax is a square root, which turns a rounding error e of its argument into at most sqrt(e)
    bound = rounding_bound(torch.float64, 4 * 9, 9 * max(1.0, size) ** 2) ** 0.5
    for ours, theirs in ((Sparsemax(), entmax.sparsemax), (Entmax15(), entmax.entmax15)):
        weights = ours(scores, mask)
        assert (weights[~mask] == 0).all()
        for row in range(4):
            allowed = scores[row][mask[row]]
            expected = theirs(allowed, dim=-1) if len(allowed) else allowed
            torch.testing.assert_close(weights[row][mask[row]], expected, atol=min(bound, 1e-3), rtol=0)


@pytest.mark.parametrize("alignment", [a for a in ALL if not isinstance(a, Hard)], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_equal_finite_differences(alignment, masked):
    scores = some_scores(1, 2, L, L)
    mask = torch.ones(L, L, dtype=torch.bool).tril() if masked else None
    torch.autograd.gradcheck(lambda x: alignment(x, mask), scores)


@pytest.mark.parametrize("alignment", ALL, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rows_sum_to_one_or_zero_and_nothing_is_nan(alignment, dtype):
    torch.manual_seed(0)
    scores = (20 * torch.randn(B, H, S, S)).to(dtype).requires_grad_()
    mask = torch.rand(B, 1, S, S) > 0.3
    mask[0, 0, 1] = False
    mask[1] = False
    weights = alignment(scores, mask)
    assert weights.dtype == dtype
    assert weights.isfinite().all()
    assert (weights.masked_select(~mask.expand_as(weights)) == 0).all()
    if not isinstance(alignment, Monotonic):  # its reader may pass the last key
        # S rounded weights, and exp of a rounded logarithm: sum of weights * |log weights| is at most log S < 2
        bound = rounding_bound(dtype, S + 4)
        expected = mask.any(-1).expand(B, H, S).float()
        torch.testing.assert_close(weights.float().sum(-1), expected, atol=bound, rtol=0)
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
    all_steps = Monotonic()(scores, mask)
    torch.testing.assert_close(all_steps, torch.stack(rows, -2))
    steps, previous = [], None
    for i in range(L):
        previous = Monotonic()(scores[:, :, i : i + 1], mask, previous=previous)
        steps.append(previous)
    torch.testing.assert_close(torch.cat(steps, dim=2), all_steps)


def test_monotonic_survives_scores_that_saturate():
    scores = torch.full((1, 1, 3, 400), -200.0, requires_grad=True)
    weights = Monotonic()(scores)
    weights.sum().backward()
    assert weights.isfinite().all()
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_monotonic_is_rounded_once_in_every_precision(dtype):
    scores = torch.full((1, 1, 1, 400), 3.0, dtype=dtype)
    previous = torch.nn.functional.one_hot(torch.tensor([[[300]]]), 400).to(dtype)
    passed = torch.sigmoid(torch.tensor(-3.0).double()) ** torch.arange(100)
    expected = torch.cat([torch.zeros(300).double(), passed * torch.sigmoid(torch.tensor(3.0).double())])
    weights = Monotonic()(scores, previous=previous)[0, 0, 0]
    assert weights.dtype == dtype
    # in float32 the logarithm of a weight is a sum of up to 100 terms of 3.05; then the weight is rounded to dtype
    error = rounding_bound(torch.float32, 110, 305.0) * expected + torch.finfo(dtype).eps / 2 * expected
    assert ((weights.double() - expected).abs() <= error + torch.finfo(dtype).tiny).all()


def test_one_huge_score_costs_the_keys_after_it_no_digits():
    scores = torch.tensor([[[[1e9, 0.0, 0.0, 0.0]]]])
    previous = torch.tensor([[[[0.0, 1.0, 0.0, 0.0]]]])
    assert Monotonic()(scores, previous=previous).flatten().tolist() == [0.0, 0.5, 0.25, 0.125]
    weights = Monotonic()(torch.full((1, 1, 1, 8), 1e4, dtype=torch.float16))
    assert weights.flatten().tolist() == [1.0] + 7 * [0.0]


@pytest.mark.parametrize("alignment", [Sparsemax(), Entmax15()])
def test_large_scores_give_masked_keys_no_weight(alignment):
    mask = torch.tensor([True, True, False, False])
    scores = torch.full((1, 4), 1e8)
    torch.testing.assert_close(alignment(scores, mask), torch.tensor([[0.5, 0.5, 0.0, 0.0]]))


@pytest.mark.parametrize("alignment", [a for a in ALL if not isinstance(a, Hard)], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("masked", [False, True])
def test_second_derivatives_equal_finite_differences(alignment, masked):
    scores = some_scores(1, 1, 3, 3)
    mask = torch.ones(3, 3, dtype=torch.bool).tril() if masked else None
    assert torch.autograd.gradgradcheck(lambda x: alignment(x, mask), scores)


def test_sinkhorn_balances_rows_and_columns_and_finds_a_permutation():
    scores = some_scores(B, H, S, S)
    weights = Sinkhorn(iterations=200)(scores)
    one = torch.ones(B, H, S).double()
    torch.testing.assert_close(weights.sum(-1), one)
    # an iteration contracts the error of the column sums, so that of 200 is far below that of 50
    errors = [(Sinkhorn(iterations=n)(scores).sum(-2) - 1).abs().max() for n in (10, 50, 200)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3
    permutation = torch.eye(S).double()[torch.randperm(S)]
    torch.testing.assert_close(Sinkhorn()(40 * permutation[None, None])[0, 0], permutation)
    with pytest.raises(ValueError, match="a square matrix, got 5 queries and 7 keys; use attention.alignment=softmax"):
        Sinkhorn()(some_scores(B, H, L, S))


def test_hard_attention_samples_its_distribution_and_is_certain_in_evaluation():
    scores = torch.tensor([1.0, 0.0, 2.0, 9.0])
    mask = torch.tensor([True, True, True, False])
    torch.manual_seed(0)
    sampled = Hard()(scores.expand(20000, 4), mask)
    expected = torch.cat([scores[:3].softmax(-1), torch.zeros(1)])
    torch.testing.assert_close(sampled.mean(0), expected, atol=sampling_bound(20000, deviation=0.5), rtol=0)
    assert Hard().eval()(scores, mask).tolist() == [0.0, 0.0, 1.0, 0.0]


def test_reinforce_estimates_the_gradient_of_the_expected_reward():
    torch.manual_seed(0)
    scores = torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    reward = torch.tensor([1.0, 3.0, -2.0], dtype=torch.float64)
    p = scores.softmax(-1)
    (exact,) = torch.autograd.grad((p * reward).sum(), scores, retain_graph=True)
    many = scores.expand(40000, 3)
    weights = Hard()(many)
    (estimate,) = torch.autograd.grad((Hard().log_prob(many, weights) * (weights @ reward)).mean(), scores)
    per_sample = reward[:, None] * (torch.eye(3) - p.detach())  # of one sample that draws key k: row k
    deviation = (p.detach() @ (per_sample - exact).square()).sqrt().max()
    torch.testing.assert_close(estimate, exact, atol=sampling_bound(40000, float(deviation)), rtol=0)


def test_straight_through_has_the_gradient_of_softmax():
    scores, upstream = some_scores(L, S), torch.randn(L, S).double()
    weights = StraightThrough()(scores)
    assert set(weights.detach().round(decimals=9).unique().tolist()) == {0.0, 1.0}
    (ours,) = torch.autograd.grad((weights * upstream).sum(), scores)
    (expected,) = torch.autograd.grad((scores.softmax(-1) * upstream).sum(), scores)
    torch.testing.assert_close(ours, expected)


def test_a_temperature_that_is_not_positive_raises():
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        Softmax(0.0)
