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

    def check(self) -> None:
        """Raise ValueError for tensors whose rows are not the nodes of the graph, which some paths read unchecked."""
        query, key, value, edges = self[:4]
        if not query.dim() == key.dim() == value.dim() == 3 or not query.shape[1] == key.shape[1] == value.shape[1]:
            raise ValueError(
                "query, key and value must be (nodes, heads, width) and agree in heads, got "
                f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
            )
        rows, nodes = (len(query), len(key), len(value)), (len(edges.receivers), edges.num_senders, edges.num_senders)
        if rows != nodes:
            raise ValueError(
                f"the graph has {nodes[0]} receivers and {nodes[1]} senders, got {rows[0]} queries, {rows[1]} keys and "
                f"{rows[2]} values; pass one row for each node"
            )
        if self.score.same_width and query.shape[2] != key.shape[2]:
            raise ValueError(
                f"query and key must have the same width, got a query of width {query.shape[2]} and a key of width "
                f"{key.shape[2]}"
            )


def attend_edges(call: EdgeCall) -> AttentionOutput:
    """Attention along edges in plain gathers and scatters, which ``torch.export`` can trace.

    weights[e] = softmax over the edges e = (j, i) into receiver i of score(query[i], key[j])
    context[i] = sum over the same edges of weights[e] value[j]

    This equals ``attend`` under the adjacency mask. A receiver without edges gets zeros.

    Half precision is computed in float32 from the scores on, and rounded once.

    Shape: -> context (N, H, V), weights (M, H) in the order of the caller's edges. Raises ValueError for tensors that
    do not match the graph.
    """
    call.check()
    query, key, value, edges, score, dropout_p, value_dropout_p = call
    receiver, sender = edges.receivers.ids, edges.senders
    value = dropout(value, value_dropout_p)
    scores = score.pairs(query[receiver], key[sender])  # (M, H)
    index = receiver[:, None].expand_as(scores)
    wide = torch.float32 if scores.dtype in (torch.float16, torch.bfloat16) else scores.dtype  # sums of many edges
    scores = scores.to(wide)
    largest = scores.new_zeros(query.shape[:2]).scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    powers = (scores - largest[receiver]).exp()
    weights = powers / torch.zeros_like(largest).index_add(0, receiver, powers)[receiver]
    mixed = F.dropout(weights, dropout_p)[..., None] * value[sender]  # (M, H, V)
    context = mixed.new_zeros(len(edges.receivers), *value.shape[1:]).index_add(0, receiver, mixed)
    return AttentionOutput(context.to(value.dtype), edges.to_caller(weights.to(query.dtype)))
