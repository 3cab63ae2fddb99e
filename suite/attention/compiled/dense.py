"""Softmax attention by the optional C++ kernels: no weights in memory, dropout computed where it is applied."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.compiled.library import draw_seed, kernel, kernel_dtype
from suite.attention.operators.joint_projection import side_by_side


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
    attend -> (B, H, L, V). Differentiable once. An empty row gives zeros.

    Raises ValueError for tensors that are not on the CPU.
    """
    wide = kernel_dtype(query)
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
    @once_differentiable
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        *tensors, normaliser = ctx.saved_tensors
        grad = _contiguous_rows(grad)
        d_inputs = side_by_side(tensors[:3])
        grads = DenseGradients(*(TensorArgument.of(x) for x in (grad, *d_inputs)))
        arguments = _arguments(ctx.options, tensors, normaliser)
        kernel("attention_backward", grad.dtype)(arguments, ctypes.byref(grads))
        return *d_inputs, None, None, None, None


def _arguments(options: tuple[object, ...], tensors: Sequence[Tensor | None], normaliser: Tensor) -> object:
    return ctypes.byref(DenseArguments(*options, *(TensorArgument.of(x) for x in tensors), normaliser.data_ptr()))
