"""The Lightning modules of the recommender: losses, per-sample results and metrics."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from suite.config.compose import compose
from suite.training.build import build_module
from tasks.recommender.module import Liking, NextItem
from tests.presets import build_preset


def next_item(*overrides: str) -> tuple[NextItem, list]:
    data = build_preset("recommender/synthetic")
    module = build_module(compose(["task=recommender", "data=recommender/synthetic", *overrides]), data.facts())
    assert isinstance(module, NextItem)
    return module, list(data.split_dataloader("test"))


def test_ranks_do_not_depend_on_the_batches() -> None:
    torch.manual_seed(0)
    module, batches = next_item()
    metrics = module.metrics_of(batches)
    assert module.metrics_of(reversed(batches)) == pytest.approx(metrics)
    assert set(metrics) == {"hr@10", "ndcg@10", "mrr@10", "coverage@10", "popularity@10"}


def test_a_second_protocol_adds_metrics_with_its_suffix() -> None:
    torch.manual_seed(0)
    module, batches = next_item("protocol=full_unfiltered", "module.ks=[1,5]")
    samples = module.per_sample(batches[0])
    assert (samples["rank"] <= samples["rank_unfiltered"]).all()
    metrics = module.compute_metrics(samples)
    assert metrics["hr@1"] == pytest.approx(float((samples["rank"] == 0).double().mean()))
    assert metrics["hr@5_unfiltered"] == pytest.approx(float((samples["rank_unfiltered"] < 5).double().mean()))


def test_the_loss_is_that_of_the_training_pairs() -> None:
    torch.manual_seed(0)
    module, batches = next_item("model.dropout=0", "attention.dropout=0")
    batch = batches[0]
    hidden, targets = module.net.training_pairs(batch.items, batch.lengths)
    scores = hidden @ module.net.table()[1:].t()
    expected = torch.nn.functional.cross_entropy(scores, targets - 1)
    torch.testing.assert_close(module.compute_loss(batch), expected)


def test_auc_of_likes_equals_scikit_learn() -> None:
    module = Liking.__new__(Liking)
    random = np.random.default_rng(0)
    logits, liked = random.normal(size=200).astype(np.float32), random.random(200) < 0.4
    users = random.integers(0, 5, 200)
    samples = {name: torch.from_numpy(x) for name, x in (("logit", logits), ("liked", liked), ("user", users))}
    metrics = Liking.compute_metrics(module, samples)
    assert metrics["auc"] == pytest.approx(roc_auc_score(liked, logits))
    groups = [(roc_auc_score(liked[users == user], logits[users == user]), (users == user).sum()) for user in range(5)]
    assert metrics["group_auc"] == pytest.approx(sum(a * n for a, n in groups) / 200)
    all_liked = samples | {"liked": torch.ones(200, dtype=torch.bool)}
    assert Liking.compute_metrics(module, all_liked)["auc"] == 0.5
