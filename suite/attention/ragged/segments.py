"""The ragged layout: rows in consecutive segments, without padding."""

# N segments (receivers), M rows (edges), H heads

from functools import cached_property

import torch
from torch import Tensor

from suite.attention.ragged.sparse_matrix import Sparsity, offsets_of, sparse_product


class Segments:
    """M rows in N consecutive segments: segment n holds rows ``offsets[n]`` to ``offsets[n + 1]`` and may be empty.

    Examples are the words of the sentences of a document, the edges into the nodes of a graph, the scans of a patient.
    Build one with ``from_lengths`` or ``from_ids``.

    Shape: offsets (N + 1,) ints. Raises ValueError for offsets that do not start at 0 or that decrease.

    >>> Segments.from_lengths(torch.tensor([2, 0, 1])).ids
    tensor([0, 0, 2])
    """

    def __init__(self, offsets: Tensor) -> None:
        if offsets.dim() != 1 or len(offsets) == 0 or int(offsets[0]) != 0 or bool((offsets.diff() < 0).any()):
            raise ValueError(
                "offsets must be one dimension of ints that starts at 0 and never decreases; "
                "use Segments.from_lengths(lengths) or Segments.from_ids(ids, num_segments)"
            )
        self.offsets = offsets

    @classmethod
    def from_lengths(cls, lengths: Tensor) -> "Segments":
        """Segments of the given lengths (N,), ints of at least 0."""
        if lengths.is_floating_point() or bool((lengths < 0).any()):
            raise ValueError("lengths must be ints of at least 0")
        return cls(offsets_of(lengths))

    @classmethod
    def from_ids(cls, ids: Tensor, num_segments: int) -> "Segments":
        """Segments from the sorted segment number of every row (M,), each in [0, num_segments)."""
        if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= num_segments):
            raise ValueError(f"ids must be in [0, {num_segments}), got {int(ids.min())} to {int(ids.max())}")
        if bool((ids.diff() < 0).any()):
            raise ValueError(
                "ids must be sorted; sort the rows by their segment first (torch.argsort(ids, stable=True))"
            )
        return cls(offsets_of(torch.bincount(ids, minlength=num_segments)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def ids(self) -> Tensor:
        """The segment of every row, (M,) int64."""
        return torch.repeat_interleave(self.offsets.diff().long())

    @cached_property
    def lengths(self) -> Tensor:
        """Number of rows in each segment, (N,)."""
        return self.offsets.diff()

    @cached_property
    def membership(self) -> Sparsity:
        """The (N, M) pattern with an entry where row m belongs to segment n; its product sums segments."""
        rows = torch.arange(int(self.offsets[-1]), device=self.offsets.device)
        return Sparsity(self.offsets, rows, len(rows))


def take_rows(x: Tensor, index: Tensor) -> Tensor:
    """``x[index]``; a single column is read as one dimension, which is four times as fast."""
    if x.numel() == len(x):
        return x.view(-1).index_select(0, index).view(-1, *x.shape[1:])
    return x.index_select(0, index)


def segment_sum(x: Tensor, segments: Segments) -> Tensor:
    """Sum the rows of each segment: (M, ...) -> (N, ...); an empty segment gives zeros."""
    return _SegmentSum.apply(x, segments)


def segment_spread(x: Tensor, segments: Segments) -> Tensor:
    """Copy the value of each segment to its rows: (N, ...) -> (M, ...), ``x[segments.ids]`` with a fast gradient."""
    return _SegmentSpread.apply(x, segments)


@torch.no_grad()
def segment_max(x: Tensor, segments: Segments) -> Tensor:
    """Largest entry of each segment: (M, H) -> (N, H); an empty segment gives 0. Has no gradient."""
    if len(x) == 0:
        return x.new_zeros(len(segments), *x.shape[1:])
    if x.numel() == len(x):
        largest = torch.segment_reduce(x.detach().view(-1), "max", offsets=segments.offsets)
        return largest.masked_fill_(segments.lengths == 0, 0.0).view(-1, *x.shape[1:])
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):  # the row reduction of sparse products
        ones = torch.ones(len(x), dtype=x.dtype)
        return torch.sparse.mm(segments.membership.matrix(ones), x, reduce="amax")
    ids = segments.ids.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_zeros(len(segments), *x.shape[1:]).scatter_reduce_(0, ids, x, "amax", include_self=False)


def segment_softmax(scores: Tensor, segments: Segments) -> Tensor:
    """Softmax among the rows of each segment: (M, H) -> (M, H); the weights of a segment with rows sum to 1.

    The ragged form of ``masked_softmax``: a segment is a row of the dense form without its masked positions. An empty
    segment has no weights.

    >>> segment_softmax(torch.zeros(3, 1), Segments.from_lengths(torch.tensor([2, 1]))).flatten()
    tensor([0.5000, 0.5000, 1.0000])
    """
    if scores.dtype in (torch.float16, torch.bfloat16):
        return _SegmentSoftmax.apply(scores.float(), segments).to(scores.dtype)
    return _SegmentSoftmax.apply(scores, segments)


def softmax_into(out: Tensor, scores: Tensor, segments: Segments) -> Tensor:
    """``segment_softmax`` without a gradient, written to ``out`` (M, H)."""
    torch.sub(scores, take_rows(segment_max(scores, segments), segments.ids), out=out).exp_()
    return out.div_(take_rows(_sum(out, segments), segments.ids))


def _sum(x: Tensor, segments: Segments) -> Tensor:
    shape = (len(segments), *x.shape[1:])
    if len(x) == 0 or x.numel() == 0:
        return x.new_zeros(shape)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    ones = torch.ones(len(x), dtype=wide.dtype, device=x.device)
    return sparse_product(segments.membership.matrix(ones), wide.reshape(len(x), -1)).view(shape).to(x.dtype)


class _SegmentSum(torch.autograd.Function):
    """Sum of every segment, a product with the membership matrix; the gradient copies the sum to the rows."""

    @staticmethod
    def forward(ctx, x: Tensor, segments: Segments) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.segments = segments
        return _sum(x, segments)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        return _SegmentSpread.apply(grad, ctx.segments), None


class _SegmentSpread(torch.autograd.Function):
    """The value of each segment copied to its rows; the gradient is the sum over the segment."""

    @staticmethod
    def forward(ctx, x: Tensor, segments: Segments) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.segments = segments
        return take_rows(x, segments.ids)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        return _SegmentSum.apply(grad, ctx.segments), None


class _SegmentSoftmax(torch.autograd.Function):
    """weights = exp(scores - max) / sum;   d scores = weights * (d weights - sum over the segment of both)."""

    @staticmethod
    def forward(ctx, scores: Tensor, segments: Segments) -> Tensor:  # type: ignore[no-untyped-def]
        weights = softmax_into(torch.empty_like(scores), scores, segments)
        ctx.segments = segments
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        (weights,) = ctx.saved_tensors
        product = grad * weights
        return product - weights * segment_spread(segment_sum(product, ctx.segments), ctx.segments), None
