"""Pooling in both layouts; the contract of a score tests that they agree, with every score."""

import pytest
import torch

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Sinkhorn, Sparsemax
from suite.attention.choices.block_patterns import AxialRows, GlobalLocal
from suite.attention.choices.local_patterns import LocalMonotonic, LocalPredictive
from suite.attention.choices.patterns import Causal, Lengths, Window
from suite.attention.choices.scores import Additive, Dot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.pooling import AttentionPooling, GatedProjection, SegmentPooling
from suite.attention.ragged.segments import Segments

LENGTHS = torch.tensor([3, 0, 4, 1])


def test_gradients_agree_between_padded_and_ragged():
    padded = AttentionPooling(6, Attention(Additive(2, 5)), num_heads=2, head_dim=5).double()
    ragged = SegmentPooling(6, EdgeAttention(Additive(2, 5)), num_heads=2, head_dim=5).double()
    ragged.load_state_dict(padded.state_dict())  # the names of the parameters are equal
    x = torch.randn(4, 4, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(4) < LENGTHS[:, None]
    results = []
    for pool, output in ((padded, padded(x, mask)), (ragged, ragged(x[mask], Segments.from_lengths(LENGTHS)))):
        results.append(torch.autograd.grad(output.context.square().sum(), [x, *pool.parameters()]))
    torch.testing.assert_close(*results)


def test_gated_keys_follow_the_sum_of_the_paper():
    gated = GatedProjection(6, 5).double()
    pool = AttentionPooling(6, Attention(Dot()), head_dim=5, key_proj=gated).double()
    x = torch.randn(1, 4, 6, dtype=torch.float64)
    content, gate = (x[0] @ layer.weight.T + layer.bias for layer in (gated.content, gated.gate))
    weights = ((content.tanh() * torch.sigmoid(gate)) @ pool.query[0]).softmax(0)  # Ilse et al. 2018, eq. 8-9
    output = pool(x)
    torch.testing.assert_close(output.weights[0, 0, 0], weights)
    torch.testing.assert_close(output.context[0], weights @ x[0])


def test_padded_sets_take_any_alignment():
    pool = AttentionPooling(4, Attention(alignment=Sparsemax()), num_heads=2).double()
    output = pool(torch.randn(2, 5, 4).double())
    torch.testing.assert_close(output.weights.sum(-1), torch.ones(2, 2, 1).double())


def test_dropout_acts_during_training_only():
    pool = SegmentPooling(4, EdgeAttention(Dot(), dropout=0.5))
    x, segments = torch.randn(40, 4), Segments.from_lengths(torch.tensor([25, 15]))
    assert not torch.equal(pool(x, segments).context, pool(x, segments).context)
    pool.eval()
    assert torch.equal(pool(x, segments).context, pool(x, segments).context)


def test_a_mask_of_another_shape_raises():
    with pytest.raises(ValueError, match=r"mask must be \(batch, length\) = \(4, 5\), got \(4, 1\)"):
        AttentionPooling(6)(torch.randn(4, 5, 6), torch.ones(4, 1, dtype=torch.bool))


PLACED = [Window(1, 1), GlobalLocal(), LocalMonotonic(), AxialRows(2, 2), Window(1, 1) & LocalPredictive(1, 6)]


@pytest.mark.parametrize("pattern", PLACED, ids=lambda p: type(p).__name__)
def test_a_pattern_that_places_its_query_is_rejected_when_the_pooling_is_built(pattern):
    with pytest.raises(ValueError, match="no position among the keys, which .* needs; set attention.pattern=full"):
        AttentionPooling(6, Attention(pattern=pattern))


def test_an_alignment_that_couples_queries_is_rejected_when_the_pooling_is_built():
    with pytest.raises(ValueError, match="Sinkhorn balances as many queries as keys, and pooling has one query"):
        AttentionPooling(6, Attention(alignment=Sinkhorn()))


def test_patterns_that_need_no_position_pool_the_whole_set():
    x = torch.randn(2, 5, 6)
    for pattern in (Causal(), Causal() & Lengths(torch.tensor([5, 3]))):
        torch.manual_seed(0)
        pool = AttentionPooling(6, Attention(pattern=pattern))
        torch.manual_seed(0)
        plain = AttentionPooling(6)
        lengths = torch.tensor([5, 5] if isinstance(pattern, Causal) else [5, 3])
        torch.testing.assert_close(pool(x).context, plain(x, torch.arange(5) < lengths[:, None]).context)
    assert AttentionPooling(6, Attention(pattern=LocalPredictive(1, 6)))(x).context.isfinite().all()
