"""The cheap dropout mask: rate, independence, gradients, bad input."""

import pytest
import torch

from suite.attention.operators.dropout import dropout, keep_mask
from tests.numerics import sampling_bound


@pytest.mark.parametrize("p", [0.1, 0.5, 0.6])
def test_the_rate_is_exact_within_the_sampling_error(p: float) -> None:
    torch.manual_seed(0)
    count = 1_000_003
    kept = float(keep_mask(torch.Size((count,)), p, torch.device("cpu")).float().mean())
    assert abs(kept - (1 - p)) < sampling_bound(count, (p * (1 - p)) ** 0.5) + 1 / 65536


def test_the_four_lanes_of_a_word_are_independent_and_have_one_rate() -> None:
    torch.manual_seed(0)
    lanes = keep_mask(torch.Size((400_000,)), 0.3, torch.device("cpu")).view(-1, 4).float()
    torch.testing.assert_close(
        lanes.mean(0), torch.full((4,), 0.7), atol=sampling_bound(100_000, 0.21**0.5) + 1 / 65536, rtol=0
    )
    torch.testing.assert_close(
        torch.corrcoef(lanes.t().double()), torch.eye(4).double(), atol=sampling_bound(100_000, 1.0), rtol=0
    )


def test_the_mean_stays_and_the_gradient_is_the_scaled_mask() -> None:
    torch.manual_seed(0)
    x = torch.ones(100_003, dtype=torch.float64, requires_grad=True)
    y = dropout(x, 0.6)
    y.sum().backward()
    assert float(y.detach().mean()) == pytest.approx(1.0, abs=sampling_bound(x.numel(), (0.6 / 0.4) ** 0.5))
    torch.testing.assert_close(x.grad, y.detach())
    assert set(y.detach().unique().tolist()) == {0.0, y.max().item()}


def test_nothing_is_dropped_outside_training_or_at_zero() -> None:
    x = torch.randn(5)
    assert dropout(x, 0.6, training=False) is x
    assert dropout(x, 0.0) is x
    assert torch.equal(dropout(x, 1.0), torch.zeros(5))


def test_equal_seeds_give_equal_masks() -> None:
    x = torch.ones(7, 11)
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(dropout(x, 0.5))
    assert torch.equal(*draws)


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_rate_outside_zero_and_one_raises(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        dropout(torch.ones(3), p)
