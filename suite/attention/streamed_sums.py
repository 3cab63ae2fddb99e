"""Graph attention over many edges: scores that are sums of two nodes' terms are never held for all heads."""

# N receivers, S senders, M edges, H heads, G heads at a time, V width of one value

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.dropout import LANES, keep_mask
from suite.attention.edges import Edges
from suite.attention.segments import rows, segment_max, segment_sum
from suite.attention.streamed_edges import group_size, kept_weights


def takes_turns(num_edges: int, num_heads: int) -> bool:
    """Whether the heads of a graph are too many to be mixed at once."""
    return group_size(num_edges, num_heads) < num_heads


def mix_sums(
    query_term: Tensor, key_term: Tensor, slope: float, value: Tensor, edges: Edges, dropout_p: float = 0.0
) -> tuple[Tensor, Tensor]:
    """``mix_edges`` of scores[e] = LeakyReLU(query_term[i] + key_term[j]), for graphs with many edges.

    Scores are made some heads at a time and made again on the way back, so nothing of size (M, H) is kept between the
    two but a byte of mask. Shape: query_term (N, H), key_term (S, H), the rest as ``mix_edges``.
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
        threshold = round(dropout_p * LANES) / LANES
        ctx.edges, ctx.slope, ctx.group = edges, slope, G
        ctx.scale = 1.0 / (1.0 - threshold) if threshold < 1.0 else 0.0
        weights, largest = value.new_empty(M, H), torch.empty_like(query_term)
        keep = keep_mask(torch.Size((H // G, M, G)), dropout_p, value.device) if threshold else None
        pattern, mass = edges.sparsity.heads(G), torch.empty_like(query_term)
        context = value.new_empty(len(edges.receivers), *value.shape[1:])
        for n, heads in enumerate(_slices(H, G)):
            scores = F.leaky_relu_(_sums(query_term[:, heads], key_term[:, heads], edges), slope)
            largest[:, heads] = top = segment_max(scores, edges.receivers)
            powers = scores.sub_(rows(top, edges.receivers.ids)).exp_()
            mass[:, heads] = total = segment_sum(powers, edges.receivers)
            weights[:, heads] = w = powers.div_(rows(total, edges.receivers.ids))
            context[:, heads] = pattern.product(kept_weights(w, keep, n, ctx.scale), value[:, heads].contiguous())
        ctx.save_for_backward(query_term, key_term, largest.add_(mass.log_()), keep, value, context)
        return context, weights

    @staticmethod
    @once_differentiable
    def backward(ctx, d_context: Tensor | None, d_weights: Tensor | None):  # type: ignore[no-untyped-def]
        """As ``_Mix``, with weights = exp(scores - their logarithm's sum); then through the LeakyReLU to both terms."""
        query_term, key_term, log_mass, keep, value, context = ctx.saved_tensors
        edges, receivers, G = ctx.edges, ctx.edges.receivers, ctx.group
        if d_context is None:
            d_context = torch.zeros_like(context)
        d_query, d_key, d_value = map(torch.empty_like, (query_term, key_term, value))
        pattern = edges.sparsity.heads(G)
        for n, heads in enumerate(_slices(value.shape[1], G)):
            sums = _sums(query_term[:, heads], key_term[:, heads], edges)
            below = sums < 0.0
            w = F.leaky_relu_(sums, ctx.slope).sub_(rows(log_mass[:, heads], receivers.ids)).exp_()
            grad, kept = d_context[:, heads].contiguous(), kept_weights(w, keep, n, ctx.scale)
            mean = (grad * context[:, heads]).sum(-1)
            d_value[:, heads] = pattern.back_product(kept, grad)
            d_scores = pattern.pair_products(kept, grad, value[:, heads].contiguous()).mul_(kept)
            if d_weights is not None:
                asked = w * d_weights[:, heads]
                d_scores += asked
                mean += segment_sum(asked, receivers)
            d_scores.addcmul_(w, rows(mean, receivers.ids), value=-1.0)
            d_scores = torch.where(below, d_scores * ctx.slope, d_scores)
            d_query[:, heads] = segment_sum(d_scores, receivers)
            d_key[:, heads] = edges.sum_by_sender(d_scores)
        return d_query, d_key, None, d_value, None, None


def _slices(num_heads: int, group: int) -> list[slice]:
    return [slice(start, start + group) for start in range(0, num_heads, group)]


def _sums(query_term: Tensor, key_term: Tensor, edges: Edges) -> Tensor:
    """query_term[receiver] + key_term[sender] for every edge."""
    return rows(query_term.contiguous(), edges.receivers.ids).add_(rows(key_term.contiguous(), edges.senders))
