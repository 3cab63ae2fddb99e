"""Ranking metrics against slow loops that follow their definition."""

import math

import numpy as np
import pytest
import torch

from suite.metrics.ranking import ranking_metrics, target_ranks, top_items

B, ITEMS = 23, 31


def case(seed: int) -> tuple[torch.Tensor, torch.Tensor, list[set[int]]]:
    """Scores with many ties, targets, and seen items, which sometimes include the target."""
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
    ranks = []
    for row in range(B):
        target = int(targets[row])
        others = [i for i in range(1, ITEMS + 1) if i != target and not (filtered and i in seen[row])]
        ranks.append(sum(float(scores[row, i]) >= float(scores[row, target]) for i in others))  # ties against us
    found = target_ranks(scores, targets, pairs(seen) if filtered else None)
    assert found.tolist() == ranks
    for k in (1, 5, 10):
        metrics = ranking_metrics(found, k)
        hits = [rank for rank in ranks if rank < k]
        assert metrics[f"hr@{k}"] == pytest.approx(len(hits) / B)
        assert metrics[f"ndcg@{k}"] == pytest.approx(sum(1 / math.log2(rank + 2) for rank in hits) / B)
        assert metrics[f"mrr@{k}"] == pytest.approx(sum(1 / (rank + 1) for rank in hits) / B)


def test_constant_scores_and_nan_are_ranked_last() -> None:
    targets = torch.tensor([1, 4])
    assert target_ranks(torch.zeros(2, 6), targets).tolist() == [4, 4]
    assert target_ranks(torch.full((2, 6), torch.nan), targets).tolist() == [4, 4]


def test_top_items_are_the_best_that_were_not_seen() -> None:
    scores, _, seen = case(0)
    scores += torch.rand(B, ITEMS + 1, generator=torch.Generator().manual_seed(0)) * 0.5
    lists = top_items(scores, 4, pairs(seen))
    for row in range(B):
        order = sorted((i for i in range(1, ITEMS + 1) if i not in seen[row]), key=lambda i: -float(scores[row, i]))
        assert lists[row].tolist() == order[:4]


def test_a_list_is_no_longer_than_there_are_items() -> None:
    assert sorted(top_items(torch.rand(1, 4), 10)[0].tolist()) == [1, 2, 3]
