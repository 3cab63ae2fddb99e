"""From the scores of edges to the context of their receivers: softmax, dropout and sum in one function."""

# N receivers, S senders, M edges, H heads, G heads at a time, V width of one value

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.operators.dropout import LANES, keep_mask
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import rows, segment_sum, softmax_into

GROUP = 1 << 20  # edges times heads at a time: more heads cost memory for their joint pattern, fewer cost calls


def mix_edges(scores: Tensor, value: Tensor, edges: Edges, dropout_p: float = 0.0) -> tuple[Tensor, Tensor]:
    """weights[e] = softmax of scores over the edges into a receiver;  context[i] = sum of dropout(weights)[e] value[j].

    Some heads at a time go through all operators, so that what lies between scores and context is never held for all;
    kept for the way back are the weights and one byte of mask for each.

    Shape: scores (M, H) in the sorted order of ``edges``, value (S, H, V) -> context (N, H, V), weights (M, H) whole.
    Half precision is computed in float32, for which the sparse products exist. Differentiable once.
    """
    if scores.numel() == 0 or value.numel() == 0:
        none = 0.0 * (scores.sum() + value.sum())
        return value.new_zeros(len(edges.receivers), *value.shape[1:]) + none, torch.zeros_like(scores) + none
    wide = torch.float32 if value.dtype in (torch.float16, torch.bfloat16) else value.dtype
    context, weights = _Mix.apply(scores.to(wide), value.to(wide), edges, dropout_p)
    return context.to(value.dtype), weights.to(scores.dtype)


def group_size(num_edges: int, num_heads: int) -> int:
    """How many heads to take at a time: a divisor of their number."""
    return next(g for g in range(num_heads, 0, -1) if num_heads % g == 0 and (g == 1 or num_edges * g <= GROUP))


class _Mix(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, scores: Tensor, value: Tensor, edges: Edges, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        (M, H), receivers = scores.shape, edges.receivers
        G = group_size(M, H)
        weights = scores.new_empty(H // G, M, G)
        keep, ctx.scale = draw_mask(weights, dropout_p)
        pattern, parts = edges.sparsity.heads(G), []
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            softmax_into(w, scores[:, heads].contiguous(), receivers)
            parts.append(pattern.product(kept_weights(w, keep, n, ctx.scale), value[:, heads].contiguous()))
        context = _join(parts)
        ctx.edges = edges
        ctx.save_for_backward(weights, keep, value, context)
        return context, weights.permute(1, 0, 2).reshape(M, H)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        """d weights = mask scale (d context[receiver] . value[sender]);   d scores = weights (d weights - their mean).

        The mean, the sum over a receiver's edges of weights d weights, is d context[receiver] . context[receiver].
        """
        weights, keep, value, context = ctx.saved_tensors
        receivers, G = ctx.edges.receivers, weights.shape[2]
        if d_context is None:
            d_context = torch.zeros_like(context)
        mean = (d_context * context).sum(-1)  # (N, H)
        pattern, d_scores, d_value = ctx.edges.sparsity.heads(G), [], []
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            kept = kept_weights(w, keep, n, ctx.scale)
            grad, m = d_context[:, heads].contiguous(), mean[:, heads].contiguous()
            d_value.append(pattern.back_product(kept, grad))
            d_s = pattern.pair_products(kept, grad, value[:, heads].contiguous()).mul_(kept)
            if d_weights is not None:
                asked = w * d_weights[:, heads]
                d_s += asked
                m += segment_sum(asked, receivers)
            d_scores.append(d_s.addcmul_(w, rows(m, receivers.ids), value=-1.0))
        return _join(d_scores), _join(d_value), None, None


def draw_mask(weights: Tensor, dropout_p: float) -> tuple[Tensor | None, float]:
    """What of the weights is kept, None for all, and what kept weights are multiplied with."""
    threshold = round(dropout_p * LANES) / LANES
    if not threshold:
        return None, 1.0
    return keep_mask(weights.shape, dropout_p, weights.device), 1.0 / (1.0 - threshold) if threshold < 1.0 else 0.0


def kept_weights(weights: Tensor, keep: Tensor | None, n: int, scale: float) -> Tensor:
    """The weights of group n after dropout."""
    return weights if keep is None else (weights * keep[n]).mul_(scale)


def _join(groups: list[Tensor]) -> Tensor:
    return groups[0] if len(groups) == 1 else torch.cat(groups, dim=1)
