"""Metrics against slow loops that follow their definition."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from suite.errors import UserError
from tasks.recommender.clicks import auc, group_auc
from tasks.recommender.evaluation import accuracy, beyond_accuracy, find_protocol, ranks, recommended

B, ITEMS = 23, 31


def case(seed: int) -> tuple[torch.Tensor, torch.Tensor, list[set[int]]]:
    """Scores with many ties, targets, and what was seen (sometimes the target too)."""
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.integers(0, 6, (B, ITEMS + 1)).astype(np.float32))
    seen = [set(random.integers(1, ITEMS + 1, random.integers(0, 9)).tolist()) for _ in range(B)]
    return scores, torch.from_numpy(random.integers(1, ITEMS + 1, B)), seen


def pairs(seen: list[set[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    found = [(row, item) for row, items in enumerate(seen) for item in items]
    rows, items = zip(*found, strict=True)
    return torch.tensor(rows), torch.tensor(items)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("filtered", [True, False])
def test_ranks_and_metrics_equal_a_loop(seed: int, filtered: bool) -> None:
    scores, targets, seen = case(seed)
    places = []
    for row in range(B):
        target = int(targets[row])
        others = [i for i in range(1, ITEMS + 1) if i != target and not (filtered and i in seen[row])]
        places.append(sum(float(scores[row, i]) >= float(scores[row, target]) for i in others))  # ties against us
    found = ranks(scores, targets, pairs(seen) if filtered else None)
    assert found.tolist() == places
    for k in (1, 5, 10):
        told = accuracy(found, k)
        hits = [place for place in places if place < k]
        assert told[f"hr@{k}"] == pytest.approx(len(hits) / B)
        assert told[f"ndcg@{k}"] == pytest.approx(sum(1 / math.log2(place + 2) for place in hits) / B)
        assert told[f"mrr@{k}"] == pytest.approx(sum(1 / (place + 1) for place in hits) / B)


def test_a_model_without_an_opinion_and_one_of_no_numbers_are_the_worst() -> None:
    targets = torch.tensor([1, 4])
    assert ranks(torch.zeros(2, 6), targets).tolist() == [4, 4]
    assert ranks(torch.full((2, 6), torch.nan), targets).tolist() == [4, 4]


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


def test_lists_hold_the_best_that_were_not_seen() -> None:
    scores, _, seen = case(0)
    scores += torch.rand(B, ITEMS + 1, generator=torch.Generator().manual_seed(0)) * 0.5
    lists = recommended(scores, 4, pairs(seen))
    for row in range(B):
        order = sorted((i for i in range(1, ITEMS + 1) if i not in seen[row]), key=lambda i: -float(scores[row, i]))
        assert lists[row].tolist() == order[:4]


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
    assert auc(*tensors[:2]) == pytest.approx(roc_auc_score(liked, scores))
    each = [(roc_auc_score(liked[users == u], scores[users == u]), (users == u).sum()) for u in range(12)]
    assert group_auc(*tensors) == pytest.approx(sum(a * n for a, n in each) / sum(n for _, n in each))
    assert auc(tensors[0], torch.ones(200, dtype=torch.bool)) == 0.5
