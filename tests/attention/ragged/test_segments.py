"""Segments: sums, maxima and softmax against dense softmax and loops; gradients; empty segments; bad input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.attention.functional import masked_softmax
from suite.attention.ragged.segments import Segments, segment_max, segment_softmax, segment_spread, segment_sum

LENGTHS = torch.tensor([3, 0, 5, 1, 0])


def dense(x: torch.Tensor, segments: Segments) -> tuple[torch.Tensor, torch.Tensor]:
    """Segments as padded rows (N, W, H) and their mask (N, W)."""
    width = int(segments.lengths.max()) if len(segments) else 0
    rows = torch.zeros(len(segments), width, *x.shape[1:], dtype=x.dtype)
    mask = torch.arange(width) < segments.lengths[:, None]
    rows[mask] = x
    return rows, mask


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7), st.integers(1, 3), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_segment_softmax_equals_masked_softmax(lengths: list[int], heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    segments = Segments.from_lengths(torch.tensor(lengths))
    scores = (5 * torch.randn(sum(lengths), heads, dtype=torch.float64)).requires_grad_()
    weights = segment_softmax(scores, segments)
    gradient = torch.randn_like(weights)
    (ours,) = torch.autograd.grad(weights, scores, gradient)

    rows, mask = dense(scores, segments)
    expected = masked_softmax(rows.transpose(1, 2), mask[:, None]).transpose(1, 2)[mask]
    (theirs,) = torch.autograd.grad(expected, scores, gradient)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(ours, theirs)
    sums = segment_sum(weights, segments)
    torch.testing.assert_close(sums, (segments.lengths > 0).double()[:, None].expand_as(sums))


@pytest.mark.parametrize("width", [1, 2])
def test_sum_max_and_spread_follow_a_loop(width: int) -> None:
    segments = Segments.from_lengths(LENGTHS)
    x = torch.randn(9, width).double()
    parts = x.split(LENGTHS.tolist())
    torch.testing.assert_close(segment_sum(x, segments), torch.stack([part.sum(0) for part in parts]))
    largest = torch.stack([part.amax(0) if len(part) else torch.zeros(width).double() for part in parts])
    assert torch.equal(segment_max(x, segments), largest)
    assert torch.equal(segment_spread(LENGTHS.float(), segments), LENGTHS.repeat_interleave(LENGTHS).float())


def test_gradients_equal_finite_differences() -> None:
    segments = Segments.from_lengths(LENGTHS)
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: segment_softmax(x, segments), x)
    assert torch.autograd.gradcheck(lambda x: segment_sum(x, segments), x)
    assert torch.autograd.gradcheck(lambda x: segment_spread(x, segments), rows)
    assert torch.autograd.gradgradcheck(lambda x: segment_softmax(x, segments), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_large_scores_and_half_precision_stay_finite(dtype: torch.dtype) -> None:
    segments = Segments.from_lengths(LENGTHS)
    scores = torch.linspace(-6e4, 6e4, 9)[:, None].to(dtype).requires_grad_()
    weights = segment_softmax(scores, segments)
    assert weights.dtype == dtype
    weights.sum().backward()
    assert bool(weights.isfinite().all())
    assert bool(scores.grad.isfinite().all())


def test_no_rows_give_no_weights_and_sums_of_zero() -> None:
    segments = Segments.from_lengths(torch.zeros(4, dtype=torch.int64))
    empty = torch.zeros(0, 3, requires_grad=True)
    assert segment_softmax(empty, segments).shape == (0, 3)
    assert torch.equal(segment_sum(empty, segments), torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Segments(torch.tensor([1, 2])), "starts at 0"),
        (lambda: Segments(torch.tensor([0, 3, 2])), "never decreases"),
        (lambda: Segments.from_lengths(torch.tensor([2, -1])), "at least 0"),
        (lambda: Segments.from_lengths(torch.tensor([2.0])), "ints"),
        (lambda: Segments.from_ids(torch.tensor([0, 2, 1]), 3), "must be sorted"),
        (lambda: Segments.from_ids(torch.tensor([0, 3]), 3), r"must be in \[0, 3\), got 0 to 3"),
    ],
)
def test_bad_segments_raise(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        build()
