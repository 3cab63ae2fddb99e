"""Compiled kernels for what lies beside the edges of a graph: dropout, and the terms of GAT's scores."""

# N nodes, H heads, V width of one head

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.compiled.library import address, draw_seed, kernel, pointers, served


@torch.compiler.disable
def dropout_compiled(x: Tensor, p: float, training: bool = True) -> Tensor:
    """``dropout`` on a CPU without a mask: an entry is kept by a hash of a seed and its number, on the way back again.

    Raises ValueError where ``p`` is outside [0, 1) and for another device.
    """
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout must be a probability in [0, 1), got {p}")
    if not training or not p:
        return x
    dropped: Tensor = _Dropout.apply(x.to(served(x)), p, draw_seed(p))
    return dropped.to(x.dtype)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, p: float, seed: int) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.p, ctx.seed = p, seed
        x, out = x.contiguous(), torch.empty(x.shape, dtype=x.dtype)
        sizes = (ctypes.c_int64(x.numel()), ctypes.c_int64(torch.get_num_threads()))
        draw = (ctypes.c_double(p), ctypes.c_uint64(seed))
        kernel("dropout", x.dtype)(*sizes, *draw, ctypes.c_void_p(address(x)), ctypes.c_void_p(address(out)))
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        return _Dropout.apply(grad, ctx.p, ctx.seed), None, None


class Nodes(ctypes.Structure):
    """The nodes of a graph, as kernels/nodes.cpp reads them."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("N", "H", "V", "threads")),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        *pointers("x", "query_vector", "key_vector", "query", "key", "value"),
    )


class Gradients(ctypes.Structure):
    """What goes back, likewise."""

    _fields_ = tuple(pointers("query", "key", "value", "x", "query_vector", "key_vector"))


def spread_nodes(x: Tensor, query_vector: Tensor, key_vector: Tensor, p: float) -> tuple[Tensor, Tensor, Tensor]:
    """The terms query_vector . x and key_vector . x, and dropout of x, in one visit to each node.

    Shape: x (N, H, V), vectors (H, V), all contiguous -> (N, H), (N, H), (N, H, V). Differentiable once.
    """
    query, key, value = _Spread.apply(x, query_vector, key_vector, p)
    return query, key, value


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, query_vector: Tensor, key_vector: Tensor, p: float):  # type: ignore[no-untyped-def]
        terms, dropped = [x.new_empty(x.shape[:2]) for _ in range(2)], torch.empty_like(x) if p else None
        sizes = (*x.shape, torch.get_num_threads())
        ctx.save_for_backward(x, query_vector, key_vector)
        ctx.nodes = Nodes(*sizes, p, draw_seed(p), *map(address, (x, query_vector, key_vector, *terms, dropped)))
        kernel("nodes_forward", x.dtype)(ctypes.byref(ctx.nodes))
        return *terms, x if dropped is None else dropped

    @staticmethod
    @once_differentiable
    def backward(ctx, d_query: Tensor, d_key: Tensor, d_value: Tensor):  # type: ignore[no-untyped-def]
        given = [grad.contiguous() for grad in (d_query, d_key, d_value)]
        found = [torch.empty_like(x) for x in ctx.saved_tensors]
        grads = Gradients(*map(address, (*given, *found)))
        kernel("nodes_backward", found[0].dtype)(ctypes.byref(ctx.nodes), ctypes.byref(grads))
        return *found, None
