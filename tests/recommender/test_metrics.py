"""Metrics against slow loops that follow their definition."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from suite.errors import UserError
from suite.metrics.auroc import grouped_auroc
from tasks.recommender.metrics import beyond_accuracy, find_protocol


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


def test_unknown_protocols_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'sampled100'"):
        find_protocol("sampled10")


def test_coverage_and_popularity() -> None:
    popularity = torch.tensor([0, 10, 5, 0, 1])
    told = beyond_accuracy([torch.tensor([[1, 2]]), torch.tensor([[1, 4]])], popularity, 2)
    assert told == {"coverage@2": 0.75, "popularity@2": pytest.approx((1 + 0.5 + 1 + 0.1) / 4)}


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, liked = random.integers(0, 9, 200) / 9.0, random.random(200) < 0.4
    users = random.integers(0, 12, 200)
    users[:3] = [90, 91, 91]  # too few to compare
    liked[1:3] = True
    tensors = torch.from_numpy(scores), torch.from_numpy(liked), torch.from_numpy(users)
    everyone = torch.zeros(200, dtype=torch.long)
    assert grouped_auroc(*tensors[:2], everyone, undefined=0.5) == pytest.approx(roc_auc_score(liked, scores))
    each = [(roc_auc_score(liked[users == u], scores[users == u]), (users == u).sum()) for u in range(12)]
    assert grouped_auroc(*tensors, undefined=0.5) == pytest.approx(
        sum(a * n for a, n in each) / sum(n for _, n in each)
    )
    assert grouped_auroc(tensors[0], torch.ones(200, dtype=torch.bool), everyone, undefined=0.5) == 0.5
