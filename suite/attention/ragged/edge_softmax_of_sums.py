"""Graph attention over many edges: scores that are sums of two nodes' terms are never held for all heads."""

# N receivers, S senders, M edges, H heads, G heads at a time, V width of one value

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.ragged.edge_softmax import draw_mask, group_size, kept_weights
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import rows, segment_sum, softmax_into


def takes_turns(num_edges: int, num_heads: int) -> bool:
    """Whether the heads of a graph are too many to be mixed at once."""
    return group_size(num_edges, num_heads) < num_heads


def mix_sums(
    query_term: Tensor, key_term: Tensor, slope: float, value: Tensor, edges: Edges, dropout_p: float = 0.0
) -> tuple[Tensor, Tensor]:
    """``mix_edges`` of scores[e] = LeakyReLU(query_term[i] + key_term[j]), for graphs with many edges.

    Scores are made some heads at a time too, so that all that is kept of size (M, H) are the weights and two bytes:
    what was dropped, and which sums were negative. Shape: query_term (N, H), key_term (S, H), the rest as there.
    """
    wide = torch.float32 if value.dtype in (torch.float16, torch.bfloat16) else value.dtype
    context, weights = _MixSums.apply(query_term.to(wide), key_term.to(wide), slope, value.to(wide), edges, dropout_p)
    return context.to(value.dtype), weights.to(query_term.dtype)


class _MixSums(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query_term: Tensor, key_term: Tensor, slope: float, value: Tensor, edges: Edges, dropout_p: float
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        M, H = len(edges), value.shape[1]
        G = group_size(M, H)
        ctx.edges, ctx.slope = edges, slope
        weights = value.new_empty(H // G, M, G)
        keep, ctx.scale = draw_mask(weights, dropout_p)
        below = torch.empty(weights.shape, dtype=torch.bool, device=value.device)
        pattern, context = edges.sparsity.heads(G), value.new_empty(len(edges.receivers), *value.shape[1:])
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            sums = rows(query_term[:, heads].contiguous(), edges.receivers.ids)
            sums += rows(key_term[:, heads].contiguous(), edges.senders)
            torch.lt(sums, 0.0, out=below[n])
            softmax_into(w, F.leaky_relu_(sums, slope), edges.receivers)
            context[:, heads] = pattern.product(kept_weights(w, keep, n, ctx.scale), value[:, heads].contiguous())
        ctx.save_for_backward(weights, keep, below, value, context)
        return context, weights.permute(1, 0, 2).reshape(M, H)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        """As ``mix_edges`` for each group of heads, and on through the LeakyReLU to both terms."""
        weights, keep, below, value, context = ctx.saved_tensors
        edges, G = ctx.edges, weights.shape[2]
        if d_context is None:
            d_context = torch.zeros_like(context)
        d_query, d_key = (value.new_empty(number, value.shape[1]) for number in (len(context), len(value)))
        d_value, pattern = torch.empty_like(value), edges.sparsity.heads(G)
        for n, w in enumerate(weights):
            heads = slice(n * G, (n + 1) * G)
            grad, kept = d_context[:, heads].contiguous(), kept_weights(w, keep, n, ctx.scale)
            mean = (grad * context[:, heads]).sum(-1)
            d_value[:, heads] = pattern.back_product(kept, grad)
            d_scores = pattern.pair_products(kept, grad, value[:, heads].contiguous()).mul_(kept)
            if d_weights is not None:
                asked = w * d_weights[:, heads]
                d_scores += asked
                mean += segment_sum(asked, edges.receivers)
            d_scores.addcmul_(w, rows(mean, edges.receivers.ids), value=-1.0)
            d_scores -= (1.0 - ctx.slope) * d_scores * below[n]
            d_query[:, heads] = segment_sum(d_scores, edges.receivers)
            d_key[:, heads] = edges.sum_by_sender(d_scores)
        return d_query, d_key, None, d_value, None, None
