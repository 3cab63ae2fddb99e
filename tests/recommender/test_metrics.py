"""Ranking protocols, coverage and popularity."""

import pytest
import torch

from suite.errors import UserError
from tasks.recommender.metrics import find_protocol, list_metrics


def test_sampled_candidates_are_100_that_were_never_seen() -> None:
    torch.manual_seed(0)
    items = 500
    protocol = find_protocol("sampled100")
    assert protocol.suffix == "_sampled100"
    scores, targets = torch.zeros(7, items + 1), torch.randint(1, items + 1, (7,))
    assert protocol(scores, targets, (torch.tensor([0]), torch.tensor([3]))).tolist() == [100] * 7  # every tie counts
    rows = torch.zeros(items - 60, dtype=torch.long)
    seen = torch.arange(1, items - 59)
    few = protocol(scores[:1], torch.tensor([items]), (rows, seen))
    assert few.tolist() == [59]  # all that is left
    distinct = torch.arange(items + 1.0).expand(7, -1)
    assert torch.equal(protocol(distinct, targets, (rows, seen)), protocol(distinct, targets, (rows, seen)))
    expected = (items - targets) * 100 / (items - 1)
    assert (protocol(distinct, targets, (rows[:0], seen[:0])) - expected).abs().max() < 20


def test_unknown_protocols_raise_an_error() -> None:
    with pytest.raises(UserError, match="Did you mean 'sampled100'"):
        find_protocol("sampled10")


def test_coverage_and_popularity() -> None:
    popularity = torch.tensor([0, 10, 5, 0, 1])
    metrics = list_metrics(torch.tensor([[1, 2], [1, 4]]), popularity)
    assert metrics == {"coverage@2": 0.75, "popularity@2": pytest.approx((1 + 0.5 + 1 + 0.1) / 4)}
