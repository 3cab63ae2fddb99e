"""Softmax attention by the optional C++ kernels: no weights in memory, dropout computed where it is applied."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

import ctypes
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from suite.attention.compiled.library import draw_seed, kernel, kernel_dtype
from suite.attention.functional import check_shapes, masked_softmax
from suite.attention.operators.joint_projection import side_by_side
from suite.attention.operators.recompute import differentiable_gradients


class TensorArgument(ctypes.Structure):
    """A tensor of four dimensions, as kernels/dense.cpp reads it."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 4))

    @classmethod
    def of(cls, x: Tensor | None) -> "TensorArgument":
        """The argument for a tensor; a null pointer for None."""
        return cls() if x is None else cls(x.data_ptr(), (ctypes.c_int64 * 4)(*x.stride()))


class DenseArguments(ctypes.Structure):
    """Sizes, options and tensors of one call, as kernels/dense.cpp reads them."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("B", "H", "L", "S", "D", "V", "threads", "causal")),
        ("scale", ctypes.c_double),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        *((name, TensorArgument) for name in ("query", "key", "value", "context", "mask")),
        ("normaliser", ctypes.c_void_p),
    )


class DenseGradients(ctypes.Structure):
    """The gradients of one call, as kernels/dense.cpp reads and writes them."""

    _fields_ = tuple((name, TensorArgument) for name in ("context", "query", "key", "value"))


def attend_compiled(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float = 1.0,
    causal: bool = False,
    dropout_p: float = 0.0,
) -> Tensor:
    """context = dropout(softmax over s of scale query . key) @ value.

    A block of queries passes score, softmax, dropout and sum while its scores are in the cache. The backward pass
    repeats this (Dao et al. 2022, algorithms 1 and 4, with whole rows), so memory grows with L + S. Whether a weight is
    dropped is a hash of a seed, its row and its column. Keys after the last one that a mask of keys allows are skipped,
    and so are pairs that the causal order forbids. Half precision is computed in float32.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V), mask bool broadcastable to (B, H, L, S), True = may
    attend -> (B, H, L, V). An empty row gives zeros.

    Raises ValueError for tensors that are not on the CPU or whose shapes do not match: the kernels trust them.
    """
    check_shapes(query, key, value, mask, same_width=True)
    wide = kernel_dtype(query, key, value, mask)
    inputs = (_contiguous_rows(x.to(wide)) for x in (query, key, value))
    if mask is not None:
        mask = mask.expand(*query.shape[:3], key.shape[2])
    context: Tensor = _CompiledAttention.apply(*inputs, mask, scale, causal, dropout_p)
    return context.to(query.dtype)


def _contiguous_rows(x: Tensor) -> Tensor:
    """``x`` with a contiguous last dimension."""
    return x if x.stride(-1) == 1 else x.contiguous()


class _CompiledAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        scale: float,
        causal: bool,
        dropout_p: float,
    ) -> Tensor:
        (B, H, L, D), (S, V) = query.shape, value.shape[2:]
        context = query.new_empty(B, L, H, V).transpose(1, 2)  # joining the heads then copies nothing
        normaliser = query.new_empty(B, H, L)
        ctx.options = (B, H, L, S, D, V, torch.get_num_threads(), causal, scale, dropout_p, draw_seed(dropout_p))
        tensors = (query, key, value, context, mask)
        kernel("attention_forward", query.dtype)(_arguments(ctx.options, tensors, normaliser))
        ctx.save_for_backward(*tensors, normaliser)
        return context

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        *tensors, normaliser = ctx.saved_tensors
        if torch.is_grad_enabled():
            plain = partial(_plain, options=ctx.options, mask=tensors[4])
            return *differentiable_gradients(plain, tensors[:3], [grad]), None, None, None, None
        grad, normaliser = _contiguous_rows(grad), normaliser.contiguous()
        tensors[:4] = map(_contiguous_rows, tensors[:4])  # saved-tensor hooks may return other strides
        d_inputs = side_by_side(tensors[:3])
        grads = DenseGradients(*(TensorArgument.of(x) for x in (grad, *d_inputs)))
        arguments = _arguments(ctx.options, tensors, normaliser)
        kernel("attention_backward", grad.dtype)(arguments, ctypes.byref(grads))
        return *d_inputs, None, None, None, None


def _plain(query: Tensor, key: Tensor, value: Tensor, options: tuple[Any, ...], mask: Tensor | None) -> Tensor:
    """The equation in operators of torch, with the dropout of the kernel."""
    B, H, L, S, *_, causal, scale, dropout_p, seed = options
    if causal:
        past = torch.ones(L, S, dtype=torch.bool).tril(S - L)
        mask = past if mask is None else mask & past
    weights = masked_softmax(scale * query @ key.transpose(-2, -1), mask)
    return weights * _dropout_factor(B, H, L, S, dropout_p, seed, weights) @ value


@torch.no_grad()
def _dropout_factor(B: int, H: int, L: int, S: int, dropout_p: float, seed: int, like: Tensor) -> Tensor | float:
    """1 / (1 - p) where the kernel keeps a weight, else 0: its context for equal weights of unit vectors."""
    if not dropout_p:
        return 1.0
    query, key = like.new_zeros(B, H, L, 1), like.new_zeros(B, H, S, 1)
    value = torch.eye(S, dtype=like.dtype).expand(B, H, S, S).contiguous()
    context, normaliser = like.new_empty(B, H, L, S), like.new_empty(B, H, L)
    options = (B, H, L, S, 1, S, torch.get_num_threads(), False, 1.0, dropout_p, seed)
    kernel("attention_forward", like.dtype)(_arguments(options, (query, key, value, context, None), normaliser))
    return (context > 0) / (1.0 - dropout_p)


def _arguments(options: tuple[object, ...], tensors: Sequence[Tensor | None], normaliser: Tensor) -> object:
    return ctypes.byref(DenseArguments(*options, *(TensorArgument.of(x) for x in tensors), normaliser.data_ptr()))
