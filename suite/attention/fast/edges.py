"""Attention along edges by sparse matrix products: time and memory grow with the number of edges."""

from suite.attention.choices.scores import GATScore
from suite.attention.edge_functional import EdgeCall
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edge_softmax import mix_edges, needs_head_groups
from suite.attention.ragged.edge_softmax_of_sums import mix_sums


def attend_edges_fast(call: EdgeCall) -> AttentionOutput:
    """``attend_edges`` by the sparse products of ``suite.attention.ragged``.

    The score of GAT is a sum of a term of each side. On graphs with too many edges for all heads at once, such scores
    are formed for one group of heads at a time.
    """
    call.check()
    query, key, value, edges, score, dropout_p, value_dropout_p = call
    value = dropout(value, value_dropout_p)
    if isinstance(score, GATScore) and needs_head_groups(len(edges), value.shape[1]):
        terms = score.node_terms(query, key)
        context, weights = mix_sums(*terms, score.negative_slope, value, edges, dropout_p)
    else:
        context, weights = mix_edges(score.edges(query, key, edges), value, edges, dropout_p)
    return AttentionOutput(context, edges.to_caller(weights))
