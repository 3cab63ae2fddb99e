"""Attention for PyTorch: one equation with a choice of score, alignment and pattern, and the layers built on it.

    context = dropout(align(score(query, key), pattern)) @ value

``Attention`` computes it on padded batches, ``EdgeAttention`` along the edges of a graph and within segments. This
package imports torch and nothing else.
"""

from suite.attention.attention import Attention
from suite.attention.build import ALIGNMENTS, PATTERNS, SCORES, build_attention, build_edge_attention
from suite.attention.capture import capture_weights, entropy, rollout
from suite.attention.choices.alignments import (
    Alignment,
    Entmax15,
    Hard,
    Monotonic,
    Sigmoid,
    Sinkhorn,
    Softmax,
    Sparsemax,
    StraightThrough,
)
from suite.attention.choices.block_patterns import AxialColumns, AxialRows, BlockSparse, GlobalLocal, SinkhornBlocks
from suite.attention.choices.local_patterns import LocalMonotonic, LocalPredictive
from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.patterns import Both, Causal, Either, Full, GraphEdges, Lengths, Pattern, Window
from suite.attention.choices.positions import Alibi, Position, RelativeBias, RelativeKeys, Rotary
from suite.attention.choices.scores import (
    Additive,
    Concat,
    Cosine,
    Dot,
    GATScore,
    GATv2Score,
    General,
    InnerProduct,
    ScaledDot,
    Score,
)
from suite.attention.edge_attention import EdgeAttention
from suite.attention.functional import AttentionOutput, attend, masked_softmax
from suite.attention.layers.blocks import DecoderBlock, EncoderBlock, FeedForward
from suite.attention.layers.gates import (
    CBAM,
    AttentionGate,
    ChannelGate,
    EfficientChannel,
    ResidualAttention,
    SpatialGate,
    SqueezeExcitation,
)
from suite.attention.layers.glimpse import GlimpseSensor
from suite.attention.layers.graph import GraphAttention, SparseRows
from suite.attention.layers.multihead import KeyValue, MultiheadAttention
from suite.attention.layers.pooling import AttentionPooling, GatedProjection, SegmentPooling
from suite.attention.layers.reversible import Reversible, ReversibleSequence
from suite.attention.layers.temporal import TemporalAttention
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edges import Edges, add_self_loops
from suite.attention.ragged.segments import Segments, segment_max, segment_softmax, segment_spread, segment_sum
from suite.attention.ragged.sparse_matrix import Sparsity, spmm

__all__ = [
    "ALIGNMENTS",
    "CBAM",
    "PATTERNS",
    "SCORES",
    "Additive",
    "Alibi",
    "Alignment",
    "Attention",
    "AttentionGate",
    "AttentionOutput",
    "AttentionPooling",
    "AxialColumns",
    "AxialRows",
    "BlockSparse",
    "Both",
    "Causal",
    "ChannelGate",
    "Concat",
    "Cosine",
    "DecoderBlock",
    "Dot",
    "EdgeAttention",
    "Edges",
    "EfficientChannel",
    "Either",
    "EncoderBlock",
    "Entmax15",
    "FeedForward",
    "Full",
    "GATScore",
    "GATv2Score",
    "GatedProjection",
    "General",
    "GlimpseSensor",
    "GlobalLocal",
    "GraphAttention",
    "GraphEdges",
    "Hard",
    "InnerProduct",
    "KeyValue",
    "Lengths",
    "LocalMonotonic",
    "LocalPredictive",
    "LocationBased",
    "LocationSensitive",
    "Monotonic",
    "MultiheadAttention",
    "Pattern",
    "Position",
    "RelativeBias",
    "RelativeKeys",
    "ResidualAttention",
    "Reversible",
    "ReversibleSequence",
    "Rotary",
    "ScaledDot",
    "Score",
    "SegmentPooling",
    "Segments",
    "Sigmoid",
    "Sinkhorn",
    "SinkhornBlocks",
    "Softmax",
    "SparseRows",
    "Sparsemax",
    "Sparsity",
    "SpatialGate",
    "SqueezeExcitation",
    "StraightThrough",
    "TemporalAttention",
    "Window",
    "add_self_loops",
    "attend",
    "build_attention",
    "build_edge_attention",
    "capture_weights",
    "dropout",
    "entropy",
    "masked_softmax",
    "rollout",
    "segment_max",
    "segment_softmax",
    "segment_spread",
    "segment_sum",
    "spmm",
]
