"""Luong's local-p against a loop of its equations, with padding and combined with other rules."""

import itertools

import pytest
import torch

from suite.attention.attention import Attention
from suite.attention.choices.local_patterns import LocalPredictive
from suite.attention.choices.patterns import Causal, Window
from tests.numerics import rounding_bound


def test_local_p_follows_luong():
    torch.manual_seed(0)
    pattern = LocalPredictive(num_heads=2, head_dim=3, width=2).double()
    query, key = torch.randn(2, 2, 4, 3).double(), torch.randn(2, 2, 9, 3).double()
    lengths = torch.tensor([9, 5])
    padding = (torch.arange(9) < lengths[:, None])[:, None, None]
    out = Attention(pattern=pattern)(query, key, key, mask=padding, need_weights=True)
    expected = torch.zeros_like(out.weights)
    for b, h, i in itertools.product(range(2), range(2), range(4)):
        q = query[b, h, i]
        p = lengths[b] * torch.sigmoid(pattern.vector[h, :, 0] @ torch.tanh(q @ pattern.weight[h]))  # eq. 9
        window = [s for s in range(int(lengths[b])) if abs(s - p) <= 2]
        align = torch.stack([q.dot(key[b, h, s]) / 3**0.5 for s in window]).softmax(-1)
        for s, a in zip(window, align, strict=True):
            expected[b, h, i, s] = a * torch.exp(-((s - p) ** 2) / (2 * 1.0**2))  # eq. 10, sigma = D / 2
    torch.testing.assert_close(out.weights, expected)
    gradients = torch.autograd.grad(out.context.sum(), list(pattern.parameters()))
    assert all(g.abs().sum() > 0 for g in gradients)  # the position is learnt


def test_padding_changes_no_predicted_position():
    torch.manual_seed(0)
    pattern = LocalPredictive(2, 3).double()
    query, key = torch.randn(1, 2, 4, 3).double(), torch.randn(1, 2, 6, 3).double()
    padded = torch.cat([key, torch.randn(1, 2, 5, 3).double()], dim=2)
    mask = (torch.arange(11) < 6)[None, None, None]
    alone = Attention(pattern=pattern)(query, key, key)
    batched = Attention(pattern=pattern)(query, padded, padded, mask=mask)
    torch.testing.assert_close(alone.context, batched.context)


def test_a_predicted_position_is_among_the_keys_that_other_rules_allow():
    torch.manual_seed(0)
    query, predicted = torch.randn(1, 2, 6, 3).double(), LocalPredictive(2, 3, width=1).double()
    share = torch.sigmoid(torch.tanh(query @ predicted.weight) @ predicted.vector)[..., 0]  # (1, 2, 6)
    for rule, first, length in (
        (Causal(), torch.zeros(6), torch.arange(1, 7)),
        (Window(1, 1), (torch.arange(6) - 1).clamp(min=0), torch.tensor([2, 3, 3, 3, 3, 2])),
    ):
        p = first + length * share
        for pattern in (rule & predicted, predicted & rule):
            mask, factor = pattern(query, query)
            allowed = rule.mask(6, 6) & ((torch.arange(6) - p[..., None]).abs() <= 1)
            assert torch.equal(mask, allowed)
            torch.testing.assert_close(factor, torch.exp(-2.0 * (torch.arange(6) - p[..., None]).square()))


def test_a_row_of_causal_local_p_depends_on_no_key_after_it_and_on_no_other_sample():
    torch.manual_seed(0)
    pattern = Causal() & LocalPredictive(2, 3, width=2).double()
    query = torch.randn(1, 2, 9, 3).double()
    whole, prefix = (Attention(pattern=pattern)(x, x, x).context for x in (query, query[:, :, :5]))
    torch.testing.assert_close(whole[:, :, :5], prefix)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_positions_in_half_precision_are_those_of_the_rounded_input(dtype):
    torch.manual_seed(0)
    pattern, query = LocalPredictive(2, 8).to(dtype), torch.randn(1, 2, 5, 8, dtype=dtype)
    exact = LocalPredictive(2, 8).double()
    exact.load_state_dict(pattern.state_dict())
    ours, expected = pattern.positions(query, 400), exact.positions(query.double(), 400)
    # the error of the logit, a product of 8 after tanh of another, times 400 and the largest slope of sigmoid, 1/4
    bound = 100 * rounding_bound(torch.float32, 24, exact.vector.abs().sum(1).max().item() * 8) + 400 * 2.0**-23
    torch.testing.assert_close(ours.double(), expected, rtol=0, atol=bound)


def test_a_rule_that_depends_on_the_query_does_not_combine_with_or():
    with pytest.raises(ValueError, match="Causal | LocalPredictive: a rule that depends on the query has no mask"):
        Causal() | LocalPredictive(1, 2)


def test_a_predicted_position_combines_with_a_causal_rule():
    query = torch.randn(1, 1, 5, 2)
    weights = Attention(pattern=Causal() & LocalPredictive(1, 2, width=2))(query, query, query).weights
    assert (weights[0, 0].triu(1) == 0).all()
