"""Attention along the edges of a graph as one function: it defines what the faster edge kernels compute."""

# N receivers (queries), S senders (keys and values), M edges, H heads, D width of one head, V width of one value

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.choices.scores import Score
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edges import Edges


class EdgeCall(NamedTuple):
    """The tensors and the choices of one call of attention along edges.

    Attributes:
        query, key, value: (N, H, D), (S, H, D), (S, H, V).
        edges: which receiver attends to which sender.
        score: scores the pairs that the edges connect.
        dropout_p: probability of dropping a weight before the sum; the returned weights are not dropped.
        value_dropout_p: probability of dropping an entry of ``value``.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    edges: Edges
    score: Score
    dropout_p: float = 0.0
    value_dropout_p: float = 0.0


def attend_edges(call: EdgeCall) -> AttentionOutput:
    """Attention along edges in plain gathers and scatters, which ``torch.export`` can trace.

    weights[e] = softmax over the edges e = (j, i) into receiver i of score(query[i], key[j])
    context[i] = sum over the same edges of weights[e] value[j]

    This equals ``attend`` under the adjacency mask. A receiver without edges gets zeros.

    Shape: -> context (N, H, V), weights (M, H) in the order of the caller's edges.
    """
    query, key, value, edges, score, dropout_p, value_dropout_p = call
    receiver, sender = edges.receivers.ids, edges.senders
    value = dropout(value, value_dropout_p)
    scores = score.pairs(query[receiver], key[sender])  # (M, H)
    index = receiver[:, None].expand_as(scores)
    largest = scores.new_zeros(query.shape[:2]).scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    powers = (scores - largest[receiver]).exp()
    weights = powers / torch.zeros_like(largest).index_add(0, receiver, powers)[receiver]
    mixed = F.dropout(weights, dropout_p)[..., None] * value[sender]  # (M, H, V)
    context = value.new_zeros(len(edges.receivers), *value.shape[1:]).index_add(0, receiver, mixed)
    return AttentionOutput(context, edges.to_caller(weights))
