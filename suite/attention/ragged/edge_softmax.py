"""From the scores of edges to the context of their receivers: softmax, dropout and sum in one function."""

# N receivers, S senders, M edges, H heads, G heads in a group, V width of one value

import torch
from torch import Tensor

from suite.attention.operators.dropout import LANES, keep_mask
from suite.attention.operators.recompute import without_autocast
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import Segments, segment_sum, softmax_into, take_rows
from suite.attention.ragged.sparse_matrix import HeadPatterns

GROUP = 1 << 20  # edges times heads in a group: larger groups cost memory for their joint pattern, smaller ones calls


def mix_edges(scores: Tensor, value: Tensor, edges: Edges, dropout_p: float = 0.0) -> tuple[Tensor, Tensor]:
    """weights[e] = softmax of scores over the edges into a receiver;  context[i] = sum of dropout(weights)[e] value[j].

    One group of heads at a time passes all operators, so intermediate results never exist for all heads. Saved for the
    backward pass are the weights and one byte of dropout mask for each.

    Shape: scores (M, H) in the sorted order of ``edges``, value (S, H, V) -> context (N, H, V), weights (M, H) before
    dropout. Half precision is computed in float32, the type that sparse products support.
    """
    if scores.numel() == 0 or value.numel() == 0:
        zero = 0.0 * (scores.sum() + value.sum())
        return value.new_zeros(len(edges.receivers), *value.shape[1:]) + zero, torch.zeros_like(scores) + zero
    wide = torch.float32 if value.dtype in (torch.float16, torch.bfloat16) else value.dtype
    with without_autocast(value.device):
        context, weights = _MixEdges.apply(scores.to(wide), value.to(wide), edges, dropout_p)
    return context.to(value.dtype), weights.to(scores.dtype)


def group_size(num_edges: int, num_heads: int) -> int:
    """Heads in a group: the largest divisor of ``num_heads`` that keeps a group within ``GROUP``, or 1."""
    return next(g for g in range(num_heads, 0, -1) if num_heads % g == 0 and (g == 1 or num_edges * g <= GROUP))


def needs_head_groups(num_edges: int, num_heads: int) -> bool:
    """Whether the edges of a graph are too many to mix all heads at once."""
    return group_size(num_edges, num_heads) < num_heads


def draw_mask(weights: Tensor, dropout_p: float) -> tuple[Tensor | None, float]:
    """A mask of the weights to keep, None for all, and the factor of the kept weights."""
    threshold = round(dropout_p * LANES) / LANES
    if not threshold:
        return None, 1.0
    return keep_mask(weights.shape, dropout_p, weights.device), 1.0 / (1.0 - threshold) if threshold < 1.0 else 0.0


def kept_weights(weights: Tensor, keep: Tensor | None, n: int, scale: float) -> Tensor:
    """The weights of group n after dropout."""
    return weights if keep is None else (weights * keep[n]).mul_(scale)


def group_backward(
    pattern: HeadPatterns,
    receivers: Segments,
    weights: Tensor,
    kept: Tensor,
    value: Tensor,
    context: Tensor,
    d_context: Tensor,
    d_weights: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Gradients of the scores (M, G) and of the values (S, G, V) of one group of heads.

    d weights = mask scale (d context[receiver] . value[sender]);   d scores = weights (d weights - mean)

    The mean, the sum over a receiver's edges of weights d weights, equals d context[receiver] . context[receiver].
    ``kept`` are the weights after dropout, ``d_weights`` the gradient of the returned weights or None.
    """
    mean = (d_context * context).sum(-1)  # (N, G)
    d_value = pattern.back_product(kept, d_context)
    d_scores = pattern.pair_products(kept, d_context, value).mul_(kept)
    if d_weights is not None:
        direct = weights * d_weights
        d_scores += direct
        mean += segment_sum(direct, receivers)
    return d_scores.addcmul_(weights, take_rows(mean, receivers.ids), value=-1.0), d_value


def graph_gradients(
    weights: Tensor,
    factor: Tensor | float,
    value: Tensor,
    edges: Edges,
    d_context: Tensor,
    d_weights: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """``group_backward`` of all heads in operators that have derivatives, for second derivatives.

    ``factor`` is what dropout multiplies the weights (M, H) with. Needs memory for the values of every edge.
    """
    received = edges.to_receivers(d_context)  # (M, H, V)
    direct = (received * edges.to_senders(value)).sum(-1) * factor
    direct = direct if d_weights is None else direct + d_weights
    mean = segment_sum(weights * direct, edges.receivers)
    d_value = edges.sum_by_sender((weights * factor)[..., None] * received)
    return weights * (direct - edges.to_receivers(mean)), d_value


def group_factor(keep: Tensor | None, scale: float) -> Tensor | float:
    """What dropout multiplies the weights (M, H) with, from the mask (H / G, M, G) of the groups."""
    return 1.0 if keep is None else keep.permute(1, 0, 2).flatten(1) * scale


class _MixEdges(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, scores: Tensor, value: Tensor, edges: Edges, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        (M, H), receivers = scores.shape, edges.receivers
        ctx.group = G = group_size(M, H)
        weights = scores.new_empty(H // G, M, G)
        keep, ctx.scale = draw_mask(weights, dropout_p)
        pattern, contexts = edges.sparsity.heads(G), []
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            softmax_into(w, scores[:, heads].contiguous(), receivers)
            contexts.append(pattern.product(kept_weights(w, keep, n, ctx.scale), value[:, heads].contiguous()))
        context = _join(contexts)
        ctx.edges = edges
        weights = weights.permute(1, 0, 2).reshape(M, H)
        ctx.save_for_backward(weights, keep, value, context)
        return context, weights

    @staticmethod
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        weights, keep, value, context = ctx.saved_tensors
        if d_context is None:
            d_context = torch.zeros_like(context)
        if torch.is_grad_enabled():
            factor = group_factor(keep, ctx.scale)
            return *graph_gradients(weights, factor, value, ctx.edges, d_context, d_weights), None, None
        G, d_scores, d_values = ctx.group, [], []
        pattern, receivers = ctx.edges.sparsity.heads(G), ctx.edges.receivers
        for n in range(weights.shape[1] // G):
            heads = slice(n * G, (n + 1) * G)
            w = weights[:, heads].contiguous()
            kept = kept_weights(w, keep, n, ctx.scale)
            d_group = None if d_weights is None else d_weights[:, heads]
            grad = d_context[:, heads].contiguous()
            d_score, d_value = group_backward(
                pattern, receivers, w, kept, value[:, heads].contiguous(), context[:, heads], grad, d_group
            )
            d_scores.append(d_score)
            d_values.append(d_value)
        return _join(d_scores), _join(d_values), None, None


def _join(groups: list[Tensor]) -> Tensor:
    return groups[0] if len(groups) == 1 else torch.cat(groups, dim=1)
