"""The area under the ROC curve against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from suite.metrics.auroc import auroc, grouped_auroc


def samples(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, which samples are positive, and their groups; two groups have one kind of sample only."""
    random = np.random.default_rng(seed)
    scores, positive = random.integers(0, 9, 200) / 9.0, random.random(200) < 0.4
    groups = random.integers(0, 12, 200)
    groups[:3] = [90, 91, 91]
    positive[1:3] = True
    return scores, positive, groups


@pytest.mark.parametrize("seed", range(3))
def test_auroc_equals_scikit_learn(seed: int) -> None:
    scores, positive, _ = samples(seed)
    assert auroc(torch.from_numpy(scores), torch.from_numpy(positive)) == pytest.approx(roc_auc_score(positive, scores))


@pytest.mark.parametrize("seed", range(3))
def test_grouped_auroc_is_the_weighted_mean_over_groups_with_both_kinds(seed: int) -> None:
    scores, positive, groups = samples(seed)
    each = [(roc_auc_score(positive[groups == g], scores[groups == g]), (groups == g).sum()) for g in range(12)]
    expected = sum(area * size for area, size in each) / sum(size for _, size in each)
    found = grouped_auroc(torch.from_numpy(scores), torch.from_numpy(positive), torch.from_numpy(groups))
    assert found == pytest.approx(expected)


def test_one_group_gives_the_plain_auroc() -> None:
    scores, positive, groups = map(torch.from_numpy, samples(0))
    assert grouped_auroc(scores, positive, torch.zeros_like(groups)) == pytest.approx(auroc(scores, positive))


@pytest.mark.parametrize("kind", [True, False])
def test_one_kind_of_sample_is_undefined(kind: bool) -> None:
    scores, positive = torch.rand(5), torch.full((5,), kind)
    assert math.isnan(auroc(scores, positive))
    assert math.isnan(grouped_auroc(scores, positive, torch.zeros(5, dtype=torch.long)))
    assert auroc(scores, positive, undefined=0.5) == 0.5
    assert grouped_auroc(scores, positive, torch.zeros(5, dtype=torch.long), undefined=0.5) == 0.5
