"""C++ kernels for the nodes of a graph: dropout of their features, and the terms of GAT's scores."""

# N nodes, H heads, V width of one head

import ctypes

import torch
from torch import Tensor

from suite.attention.compiled.library import address, draw_seed, kernel, kernel_dtype, pointers


class NodeArguments(ctypes.Structure):
    """Sizes, options and arrays of one call, as kernels/nodes.cpp reads them."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("N", "H", "V", "threads")),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        *pointers("x", "query_vector", "key_vector", "query", "key", "value"),
    )


class NodeGradients(ctypes.Structure):
    """The gradients of one call, as kernels/nodes.cpp reads and writes them."""

    _fields_ = tuple(pointers("query", "key", "value", "x", "query_vector", "key_vector"))


@torch.compiler.disable
def dropout_compiled(x: Tensor, p: float, training: bool = True) -> Tensor:
    """``dropout`` on a CPU that stores no mask: whether an entry is kept is a hash of (seed, index).

    The backward pass computes the hash again. Raises ValueError where ``p`` is outside [0, 1), and for a tensor that is
    not on the CPU.
    """
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout must be a probability in [0, 1), got {p}")
    if not training or not p:
        return x
    dropped: Tensor = _CompiledDropout.apply(x.to(kernel_dtype(x)), p, draw_seed(p))
    return dropped.to(x.dtype)


def spread_nodes(x: Tensor, query_vector: Tensor, key_vector: Tensor, p: float) -> tuple[Tensor, Tensor, Tensor]:
    """The terms query_vector . x and key_vector . x, and dropout of x, in one visit to each node.

    Shape: x (N, H, V), vectors (H, V), all contiguous -> (N, H), (N, H), (N, H, V). Raises ValueError for other shapes.
    """
    if x.dim() != 3 or not query_vector.shape == key_vector.shape == x.shape[1:]:
        raise ValueError(
            f"the score has vectors {tuple(query_vector.shape)} and {tuple(key_vector.shape)}, got nodes "
            f"{tuple(x.shape)} = (nodes, heads, width)"
        )
    query, key, value = _SpreadNodes.apply(x, query_vector, key_vector, p)
    return query, key, value


@torch.no_grad()
def dropout_factor(like: Tensor, p: float, seed: int) -> Tensor | float:
    """1 / (1 - p) where a kernel keeps an entry of a contiguous tensor, else 0."""
    return _CompiledDropout.apply(torch.ones(like.shape, dtype=like.dtype), p, seed) if p else 1.0


class _CompiledDropout(torch.autograd.Function):
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
        return _CompiledDropout.apply(grad, ctx.p, ctx.seed), None, None


class _SpreadNodes(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, query_vector: Tensor, key_vector: Tensor, p: float):  # type: ignore[no-untyped-def]
        terms, dropped = [x.new_empty(x.shape[:2]) for _ in range(2)], torch.empty_like(x) if p else None
        sizes = (*x.shape, torch.get_num_threads())
        arrays = map(address, (x, query_vector, key_vector, *terms, dropped))
        ctx.save_for_backward(x, query_vector, key_vector)
        ctx.options = (*sizes, p, draw_seed(p))
        arguments = NodeArguments(*ctx.options, *arrays)
        kernel("nodes_forward", x.dtype)(ctypes.byref(arguments))
        return *terms, x if dropped is None else dropped

    @staticmethod
    def backward(ctx, d_query: Tensor, d_key: Tensor, d_value: Tensor):  # type: ignore[no-untyped-def]
        x, query_vector, key_vector = ctx.saved_tensors
        if torch.is_grad_enabled():
            kept = d_value * dropout_factor(x, *ctx.options[-2:])
            d_x = d_query[..., None] * query_vector + d_key[..., None] * key_vector + kept
            return d_x, (d_query[..., None] * x).sum(0), (d_key[..., None] * x).sum(0), None
        inputs = [t.contiguous() for t in (x, query_vector, key_vector)]  # hooks may return other tensors
        d_outputs = [grad.contiguous() for grad in (d_query, d_key, d_value)]
        d_inputs = [torch.empty_like(t) for t in inputs]
        grads = NodeGradients(*map(address, (*d_outputs, *d_inputs)))
        arguments = NodeArguments(*ctx.options, *map(address, inputs))
        kernel("nodes_backward", d_inputs[0].dtype)(ctypes.byref(arguments), ctypes.byref(grads))
        return *d_inputs, None
