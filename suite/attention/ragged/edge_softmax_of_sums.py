"""``mix_edges`` for scores that are sums of a term of each node, as those of GAT: no score is held for all heads."""

# N receivers, S senders, M edges, H heads, G heads in a group, V width of one value

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.operators.recompute import without_autocast
from suite.attention.ragged.edge_softmax import (
    draw_mask,
    graph_gradients,
    group_backward,
    group_factor,
    group_size,
    kept_weights,
)
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import segment_sum, softmax_into, take_rows


def mix_sums(
    query_term: Tensor, key_term: Tensor, slope: float, value: Tensor, edges: Edges, dropout_p: float = 0.0
) -> tuple[Tensor, Tensor]:
    """``mix_edges`` of scores[e] = LeakyReLU(query_term[i] + key_term[j]), for graphs with many edges.

    Scores are formed for one group of heads at a time. Of size (M, H) only the weights and two bytes are saved for the
    backward pass: the dropout mask, and which sums were negative.

    Shape: query_term (N, H), key_term (S, H), value (S, H, V) -> context (N, H, V), weights (M, H) before dropout.
    """
    wide = torch.float32 if value.dtype in (torch.float16, torch.bfloat16) else value.dtype
    terms = query_term.to(wide), key_term.to(wide)
    with without_autocast(value.device):
        context, weights = _MixSums.apply(*terms, slope, value.to(wide), edges, dropout_p)
    return context.to(value.dtype), weights.to(query_term.dtype)


class _MixSums(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query_term: Tensor, key_term: Tensor, slope: float, value: Tensor, edges: Edges, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        M, H = len(edges), value.shape[1]
        ctx.group = G = group_size(M, H)
        ctx.edges, ctx.slope = edges, slope
        weights = value.new_empty(H // G, M, G)
        keep, ctx.scale = draw_mask(weights, dropout_p)
        negative = torch.empty(weights.shape, dtype=torch.bool, device=value.device)
        pattern, context = edges.sparsity.heads(G), value.new_empty(len(edges.receivers), *value.shape[1:])
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            sums = take_rows(query_term[:, heads].contiguous(), edges.receivers.ids)
            sums += take_rows(key_term[:, heads].contiguous(), edges.senders)
            torch.lt(sums, 0.0, out=negative[n])
            softmax_into(w, F.leaky_relu_(sums, slope), edges.receivers)
            context[:, heads] = pattern.product(kept_weights(w, keep, n, ctx.scale), value[:, heads].contiguous())
        weights = weights.permute(1, 0, 2).reshape(M, H)
        ctx.save_for_backward(weights, keep, negative, value, context)
        return context, weights

    @staticmethod
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        weights, keep, negative, value, context = ctx.saved_tensors
        edges, G = ctx.edges, ctx.group
        if d_context is None:
            d_context = torch.zeros_like(context)
        if torch.is_grad_enabled():
            factor = group_factor(keep, ctx.scale)
            d_scores, d_value = graph_gradients(weights, factor, value, edges, d_context, d_weights)
            d_sums = d_scores * (1.0 - (1.0 - ctx.slope) * negative.permute(1, 0, 2).flatten(1))  # through LeakyReLU
            return segment_sum(d_sums, edges.receivers), edges.sum_by_sender(d_sums), None, d_value, None, None
        d_query, d_key = (value.new_empty(number, value.shape[1]) for number in (len(context), len(value)))
        d_value, pattern = torch.empty_like(value), edges.sparsity.heads(G)
        for n in range(weights.shape[1] // G):
            heads = slice(n * G, (n + 1) * G)
            w = weights[:, heads].contiguous()
            kept = kept_weights(w, keep, n, ctx.scale)
            d_group = None if d_weights is None else d_weights[:, heads]
            grad = d_context[:, heads].contiguous()
            d_scores, d_value[:, heads] = group_backward(
                pattern, edges.receivers, w, kept, value[:, heads].contiguous(), context[:, heads], grad, d_group
            )
            d_scores -= (1.0 - ctx.slope) * d_scores * negative[n]  # through LeakyReLU
            d_query[:, heads] = segment_sum(d_scores, edges.receivers)
            d_key[:, heads] = edges.sum_by_sender(d_scores)
        return d_query, d_key, None, d_value, None, None
