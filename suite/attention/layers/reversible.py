"""Reversible residual blocks: a stack of any depth saves one pair of activations."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from suite.attention.operators.recompute import ForwardState, differentiable_gradients, rebound

_Pair = tuple[Tensor, Tensor]


class Reversible(nn.Module):
    """A residual block whose input follows from its output.

    y_1 = x_1 + f(x_2);   y_2 = x_2 + g(y_1);   inverse:   x_2 = y_2 - g(y_1);   x_1 = y_1 - f(x_2)
    (Gomez et al. 2017, eq. 6-7; with attention and feed-forward as f and g: Kitaev et al. 2020, eq. 9)

    Of a block alone its two outputs are saved for the backward pass, and nothing within f and g. Blocks in a
    ``ReversibleSequence`` save the two outputs of the last block only.

    f and g run again in the backward pass, with the random numbers and the autocast settings of the forward pass, so
    they may contain dropout and other random layers. Running statistics of a batch norm are updated once.

    Shape: two tensors of the same shape -> two tensors of that shape.

    >>> block = Reversible(nn.Linear(4, 4), nn.Linear(4, 4))
    >>> y = block(*torch.randn(2, 3, 4))
    >>> [round(float(x.detach().norm()), 3) >= 0 for x in block.inverse(*y)]
    [True, True]
    """

    def __init__(self, f: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.f, self.g = f, g

    def forward(self, first: Tensor, second: Tensor) -> _Pair:
        return _apply([self], first, second)

    @torch.no_grad()
    def inverse(self, first: Tensor, second: Tensor) -> _Pair:
        """The input that gives this output, for f and g without random layers."""
        second = second - self.g(first)
        return first - self.f(second), second


class ReversibleSequence(nn.ModuleList):
    """Reversible blocks one after the other, whose memory does not grow with their number.

    Only the two outputs of the last block are saved; the backward pass computes the inputs of every block from its
    outputs, last block first. Rounding errors of the inputs grow with the number of blocks.

    Args:
        blocks: the blocks, first block first.

    Shape: two tensors of the same shape -> two tensors of that shape.

    >>> blocks = ReversibleSequence(Reversible(nn.Linear(4, 4), nn.Linear(4, 4)) for _ in range(3))
    >>> blocks(*torch.randn(2, 3, 4))[0].shape
    torch.Size([3, 4])
    """

    def forward(self, first: Tensor, second: Tensor) -> _Pair:
        return _apply([block for block in self if isinstance(block, Reversible)], first, second)


def _apply(blocks: Sequence[Reversible], first: Tensor, second: Tensor) -> _Pair:
    learnt = list(dict.fromkeys(p for block in blocks for p in block.parameters() if p.requires_grad))
    y: _Pair = _Reversible.apply(blocks, len(learnt), first, second, *learnt)
    return y


class _Reversible(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, blocks: Sequence[Reversible], count: int, first: Tensor, second: Tensor, *learnt: Tensor
    ) -> _Pair:
        ctx.states = []
        for block in blocks:
            by_f = ForwardState(first.device)
            first = first + block.f(second)
            by_g = ForwardState(first.device)
            second = second + block.g(first)
            ctx.states.append((by_f, by_g))
        ctx.blocks, ctx.learnt = blocks, learnt
        ctx.save_for_backward(first, second)
        return first, second

    @staticmethod
    def backward(ctx, d_first: Tensor, d_second: Tensor) -> tuple[Any, ...]:  # type: ignore[no-untyped-def]
        first, second = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, None, *_with_graph(ctx, first, second, d_first, d_second)
        totals = [torch.zeros_like(p) for p in ctx.learnt]
        for block, (by_f, by_g) in zip(reversed(ctx.blocks), reversed(ctx.states), strict=True):
            out, more = _branch(block.g, by_g, first, d_second, ctx.learnt, totals)
            second, d_first = second - out, d_first + more
            out, more = _branch(block.f, by_f, second, d_first, ctx.learnt, totals)
            first, d_second = first - out, d_second + more
        return None, None, d_first, d_second, *totals


def _branch(
    branch: nn.Module, state: ForwardState, x: Tensor, grad: Tensor, learnt: Sequence[Tensor], totals: Sequence[Tensor]
) -> _Pair:
    """One branch again, and the gradient of its input; adds the gradients of its parameters to ``totals``."""
    with torch.enable_grad(), state.restored(), _unchanged_statistics(branch):
        x = x.detach().requires_grad_()
        out = branch(x)
    if not out.requires_grad:
        return out, torch.zeros_like(x)
    own = {id(p) for p in branch.parameters()}
    wanted = [(p, total) for p, total in zip(learnt, totals, strict=True) if id(p) in own]
    more, *found = torch.autograd.grad(out, [x, *(p for p, _ in wanted)], grad.to(out.dtype), materialize_grads=True)
    for (_, total), gradient in zip(wanted, found, strict=True):
        total += gradient
    return out.detach(), more


def _with_graph(ctx: Any, first: Tensor, second: Tensor, *grads: Tensor) -> list[Tensor | None]:
    """The gradients as functions of the outputs and of the parameters, for second derivatives."""
    parameters = [p.view_as(p) for p in ctx.learnt]
    tensors: Mapping[Tensor, Tensor] = dict(zip(ctx.learnt, parameters, strict=True))
    totals: list[Tensor] = [torch.zeros_like(p) for p in parameters]
    d_first, d_second = grads
    for block, states in zip(reversed(ctx.blocks), reversed(ctx.states), strict=True):
        first, second = _inputs(rebound(block, tensors), states, first, second)

        def plain(
            first: Tensor, second: Tensor, *parameters: Tensor, block: Any = block, states: Any = states
        ) -> _Pair:
            return _outputs(rebound(block, dict(zip(ctx.learnt, parameters, strict=True))), states, first, second)

        inputs = [x if x.requires_grad else x.detach().requires_grad_() for x in (first, second)]
        d_one, d_two, *found = differentiable_gradients(plain, [*inputs, *parameters], [d_first, d_second])
        assert d_one is not None
        assert d_two is not None
        d_first, d_second = d_one, d_two
        totals = [total if more is None else total + more for total, more in zip(totals, found, strict=True)]
    return [d_first, d_second, *totals]


def _outputs(block: Reversible, states: tuple[ForwardState, ForwardState], first: Tensor, second: Tensor) -> _Pair:
    with states[0].restored(), _unchanged_statistics(block.f):
        first = first + block.f(second)
    with states[1].restored(), _unchanged_statistics(block.g):
        return first, second + block.g(first)


def _inputs(block: Reversible, states: tuple[ForwardState, ForwardState], first: Tensor, second: Tensor) -> _Pair:
    with states[1].restored(), _unchanged_statistics(block.g):
        second = second - block.g(first)
    with states[0].restored(), _unchanged_statistics(block.f):
        return first - block.f(second), second


@contextmanager
def _unchanged_statistics(module: nn.Module) -> Iterator[None]:
    """Run the block without a change of the running statistics of batch norms."""
    norms: list[Any] = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    before = [(norm, norm.momentum) for norm in norms]
    counts = [
        (norm.num_batches_tracked, norm.num_batches_tracked.clone()) for norm in norms if norm.track_running_stats
    ]
    for norm in norms:
        norm.momentum = 0.0  # the old statistics keep the weight 1
    try:
        yield
    finally:
        for norm, momentum in before:
            norm.momentum = momentum
        for count, value in counts:
            count.copy_(value)
