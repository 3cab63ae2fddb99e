"""Luong's local-p against a loop of its equations, with padding and combined with other rules."""

import itertools

import torch

from suite.attention.attention import Attention
from suite.attention.choices.local_patterns import LocalPredictive
from suite.attention.choices.patterns import Causal


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


def test_a_predicted_position_combines_with_a_causal_rule():
    query = torch.randn(1, 1, 5, 2)
    weights = Attention(pattern=Causal() & LocalPredictive(1, 2, width=2))(query, query, query).weights
    assert (weights[0, 0].triu(1) == 0).all()
