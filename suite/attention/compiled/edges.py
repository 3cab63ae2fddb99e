"""Graph attention by the optional compiled kernels: GAT's layer on a CPU, in one visit to every edge."""

# N receivers, S senders, M edges, H heads, V width of one value, F features, E outputs

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.choices.scores import GATScore, Score
from suite.attention.compiled.library import address, draw_seed, kernel, pointers, served
from suite.attention.compiled.nodes import dropout_compiled, spread_nodes
from suite.attention.functional import AttentionOutput
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.sparse_matrix import Sparsity


class Graph(ctypes.Structure):
    """One call of attention along edges, as kernels/edges.cpp reads it."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("N", "S", "H", "V", "threads")),
        *pointers("offsets", "column", "back_offsets", "receiver", "number"),
        ("slope", ctypes.c_double),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        *pointers("query", "key", "value", "weights", "context"),
    )


class Gradients(ctypes.Structure):
    """What goes back, likewise."""

    _fields_ = tuple(pointers("context", "weights", "scores", "query", "key", "value"))


@torch.compiler.disable
def attend_edges_compiled(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edges: Edges,
    *,
    score: Score,
    dropout_p: float = 0.0,
    value_dropout: float = 0.0,
) -> AttentionOutput:
    """``attend_edges`` for ``GATScore`` on a CPU, with another stream of random numbers.

    Whether something is dropped is a hash of a seed and its number, asked again on the way back. Half precision is
    computed in float32. Differentiable once. Raises ValueError for another device.
    """
    assert isinstance(score, GATScore)  # the layer has told
    wide = _served(value, edges.sparsity)
    if query is key is value:
        x, by_query, by_key = (t.to(wide).contiguous() for t in (value, score.query_vector, score.key_vector))
        query_term, key_term, dropped = spread_nodes(x, by_query, by_key, value_dropout)
    else:
        query_term, key_term = (term.to(wide).contiguous() for term in score.node_terms(query, key))
        dropped = dropout_compiled(value.to(wide).contiguous(), value_dropout)
    context, weights = _Attend.apply(query_term, key_term, dropped, edges, score.negative_slope, dropout_p)
    return AttentionOutput(context.to(value.dtype), edges.to_caller(weights.to(value.dtype)))


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query_term: Tensor, key_term: Tensor, value: Tensor, edges: Edges, slope: float, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        N, (S, H, V) = len(edges.receivers), value.shape
        weights, context = value.new_empty(len(edges), H), value.new_empty(N, H, V)
        forth, back = edges.sparsity, edges.sparsity.heads(1)
        patterns = (forth.offsets, forth.columns, back.back.offsets, back.back.columns, back.back_order)
        tensors = (query_term, key_term, value, weights, context)
        sizes = (N, S, H, V, torch.get_num_threads())
        ctx.edges = edges  # owns what the pointers point to
        ctx.graph = Graph(
            *sizes, *map(address, patterns), slope, dropout_p, draw_seed(dropout_p), *map(address, tensors)
        )
        ctx.save_for_backward(*tensors)
        kernel("graph_forward", value.dtype)(ctypes.byref(ctx.graph))
        return context, weights

    @staticmethod
    @once_differentiable
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        query_term, key_term, value, weights, context = ctx.saved_tensors
        d_context = torch.zeros_like(context) if d_context is None else d_context.contiguous()
        d_weights = None if d_weights is None else d_weights.contiguous()
        found = [torch.empty_like(x) for x in (weights, query_term, key_term, value)]
        grads = Gradients(*map(address, (d_context, d_weights, *found)))
        kernel("graph_backward", value.dtype)(ctypes.byref(ctx.graph), ctypes.byref(grads))
        return *found[1:], None, None, None


@torch.compiler.disable
def spmm_compiled(pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:
    """``spmm`` for values without a gradient, on a CPU; an entry that was dropped costs nothing.

    Shape: values (M,), dense (C, E) -> (R, E). Raises ValueError for another device.
    """
    wide = _served(dense, pattern)
    return _Product.apply(pattern, values.to(wide), dense.to(wide).contiguous()).to(dense.dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.pattern = pattern
        ctx.save_for_backward(values)
        return _product(pattern, None, values, dense)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[no-untyped-def]
        (values,) = ctx.saved_tensors
        heads = ctx.pattern.heads(1)
        return None, None, _product(heads.back, heads.back_order, values, grad.contiguous())


def _product(pattern: Sparsity, order: Tensor | None, values: Tensor, dense: Tensor) -> Tensor:
    out = dense.new_empty(pattern.num_rows, dense.shape[1])
    sizes = map(ctypes.c_int64, (*out.shape, torch.get_num_threads()))
    arrays = (pattern.offsets, pattern.columns, order, values, dense, out)
    kernel("sparse_product", dense.dtype)(*sizes, *(ctypes.c_void_p(address(x)) for x in arrays))
    return out


def _served(x: Tensor, pattern: Sparsity) -> torch.dtype:
    """``served``; raises ValueError for more edges than 32 bits count, too."""
    if pattern.columns.dtype != torch.int32:
        raise ValueError("implementation='compiled' counts edges in 32 bits, and these are more; use 'auto'")
    return served(x)
