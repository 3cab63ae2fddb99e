"""Graph attention by the optional C++ kernels: the layer of GAT on a CPU, with one visit to every edge."""

# N receivers, S senders, M edges, H heads, V width of one value, C columns of a sparse matrix, E outputs

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from suite.attention.choices.scores import GATScore
from suite.attention.compiled.library import address, draw_seed, kernel, kernel_dtype, pointers
from suite.attention.compiled.nodes import dropout_compiled, dropout_factor, spread_nodes
from suite.attention.edge_functional import EdgeCall
from suite.attention.functional import AttentionOutput
from suite.attention.ragged.edge_softmax import graph_gradients
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import segment_sum
from suite.attention.ragged.sparse_matrix import Sparsity, gathered_product


class EdgeArguments(ctypes.Structure):
    """Sizes, options and arrays of one call, as kernels/edges.cpp reads them."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("N", "S", "H", "V", "threads")),
        *pointers("offsets", "column", "back_offsets", "receiver", "number"),
        ("slope", ctypes.c_double),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        *pointers("query", "key", "value", "weights", "context"),
    )


class EdgeGradients(ctypes.Structure):
    """The gradients of one call, as kernels/edges.cpp reads and writes them."""

    _fields_ = tuple(pointers("context", "weights", "scores", "query", "key", "value"))


@torch.compiler.disable
def attend_edges_compiled(call: EdgeCall) -> AttentionOutput:
    """``attend_edges`` for ``GATScore`` on a CPU, with a different stream of random numbers.

    Whether an entry is dropped is a hash of a seed and its index, computed again in the backward pass. Half precision
    is computed in float32.

    Raises ValueError for tensors that are not on the CPU or whose shapes do not match the graph, which the kernels
    trust, and for more edges than 32 bits can count.
    """
    query, key, value, edges, score, dropout_p, value_dropout_p = call
    assert isinstance(score, GATScore)  # EdgeAttention has checked it
    call.check()
    wide = _edge_dtype(edges.sparsity, value, query, key, edges.senders)
    if query is key is value:
        x, by_query, by_key = (t.to(wide).contiguous() for t in (value, score.query_vector, score.key_vector))
        query_term, key_term, dropped = spread_nodes(x, by_query, by_key, value_dropout_p)
    else:
        query_term, key_term = (term.to(wide).contiguous() for term in score.node_terms(query, key))
        dropped = dropout_compiled(value.to(wide).contiguous(), value_dropout_p)
    context, weights = _CompiledEdges.apply(query_term, key_term, dropped, edges, score.negative_slope, dropout_p)
    return AttentionOutput(context.to(value.dtype), edges.to_caller(weights.to(value.dtype)))


@torch.compiler.disable
def spmm_compiled(pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:
    """``spmm`` on a CPU for values without a gradient.

    Shape: values (M,), dense (C, E) -> (R, E). Raises ValueError as ``attend_edges_compiled``.
    """
    if values.shape != (len(pattern),) or dense.dim() != 2 or len(dense) != pattern.num_columns:
        raise ValueError(
            f"a product with {len(pattern)} entries and {pattern.num_columns} columns needs as many values and rows, "
            f"got values {tuple(values.shape)} and dense {tuple(dense.shape)}"
        )
    wide = _edge_dtype(pattern, dense, values)
    return _CompiledProduct.apply(pattern, values.to(wide), dense.to(wide).contiguous()).to(dense.dtype)


def _edge_arguments(options: tuple[Edges, float, float, int, int], tensors: Sequence[Tensor]) -> EdgeArguments:
    """The arguments of a call: pointers into ``edges`` and into contiguous tensors, which the caller keeps alive."""
    edges, slope, dropout_p, seed, threads = options
    by_receiver, by_sender = edges.sparsity, edges.sparsity.heads(1)
    patterns = (
        by_receiver.offsets,
        by_receiver.columns,
        by_sender.back.offsets,
        by_sender.back.columns,
        by_sender.back_order,
    )
    sizes = (len(edges.receivers), *tensors[2].shape, threads)
    return EdgeArguments(*sizes, *map(address, patterns), slope, dropout_p, seed, *map(address, tensors))


class _CompiledEdges(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query_term: Tensor, key_term: Tensor, value: Tensor, edges: Edges, slope: float, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        N, (_, H, V) = len(edges.receivers), value.shape
        weights, context = value.new_empty(len(edges), H), value.new_empty(N, H, V)
        tensors = (query_term, key_term, value, weights, context)
        ctx.options = (edges, slope, dropout_p, draw_seed(dropout_p), torch.get_num_threads())
        ctx.save_for_backward(*tensors)
        kernel("graph_forward", value.dtype)(ctypes.byref(_edge_arguments(ctx.options, tensors)))
        return context, weights

    @staticmethod
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        tensors = query_term, key_term, value, weights, context = ctx.saved_tensors
        edges, slope, dropout_p, seed, _ = ctx.options
        d_context = torch.zeros_like(context) if d_context is None else d_context
        if torch.is_grad_enabled():
            factor = dropout_factor(weights, dropout_p, seed)
            d_scores, d_value = graph_gradients(weights, factor, value, edges, d_context, d_weights)
            sums = edges.to_receivers(query_term) + edges.to_senders(key_term)
            d_sums = torch.where(sums < 0, slope * d_scores, d_scores)
            return segment_sum(d_sums, edges.receivers), edges.sum_by_sender(d_sums), d_value, None, None, None
        tensors = [x.contiguous() for x in tensors]  # saved-tensor hooks return other tensors than those of forward
        d_context, d_weights = (None if x is None else x.contiguous() for x in (d_context, d_weights))
        d_inputs = [torch.empty_like(tensors[n]) for n in (3, 0, 1, 2)]  # scores, query, key, value
        grads = EdgeGradients(*map(address, (d_context, d_weights, *d_inputs)))
        arguments = _edge_arguments(ctx.options, tensors)
        kernel("graph_backward", value.dtype)(ctypes.byref(arguments), ctypes.byref(grads))
        return *d_inputs[1:], None, None, None


class _CompiledProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.pattern = pattern
        ctx.save_for_backward(values)
        return _multiply(pattern, None, values, dense)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, None, Tensor]:  # type: ignore[no-untyped-def]
        (values,) = ctx.saved_tensors
        heads = ctx.pattern.heads(1)
        if torch.is_grad_enabled():
            transposed, entry = ctx.pattern.transposed
            return None, None, gathered_product(transposed, values.index_select(0, entry), grad)
        values = values.contiguous()
        return None, None, _multiply(heads.back, heads.back_order, values, grad.contiguous())


def _multiply(pattern: Sparsity, order: Tensor | None, values: Tensor, dense: Tensor) -> Tensor:
    out = dense.new_empty(pattern.num_rows, dense.shape[1])
    sizes = map(ctypes.c_int64, (*out.shape, torch.get_num_threads()))
    arrays = (pattern.offsets, pattern.columns, order, values, dense, out)
    kernel("sparse_product", dense.dtype)(*sizes, *(ctypes.c_void_p(address(x)) for x in arrays))
    return out


def _edge_dtype(pattern: Sparsity, x: Tensor, *others: Tensor) -> torch.dtype:
    """``kernel_dtype``; also raises ValueError for a bad pattern and for more edges than 32 bits can count."""
    pattern.check()
    if pattern.columns.dtype != torch.int32:
        raise ValueError("implementation='compiled' counts edges in 32 bits, and this graph has more; use 'auto'")
    return kernel_dtype(x, *others)
