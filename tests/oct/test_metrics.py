"""Metrics against scikit-learn and torchmetrics; calibration against a search."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

from suite.metrics.auroc import auroc
from tasks.oct import metrics


def sample(number: int = 137, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (number,), generator=generator)
    logits = torch.randn(number, classes, generator=generator) + 1.5 * F.one_hot(labels, classes)
    return logits.round(decimals=1), labels  # rounded, so that there are ties


def test_metrics_equal_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    logits, labels = sample()
    shares, predicted = logits.softmax(1), logits.argmax(1)
    counts = metrics.confusion(predicted, labels, 3)
    np.testing.assert_array_equal(counts, sk.confusion_matrix(labels, predicted))
    assert float(metrics.balanced_accuracy(counts)) == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    np.testing.assert_allclose(metrics.recall(counts), sk.recall_score(labels, predicted, average=None))
    assert metrics.kappa(counts) == pytest.approx(sk.cohen_kappa_score(labels, predicted, weights="quadratic"))
    expected = sk.roc_auc_score(labels, shares.double().numpy(), multi_class="ovr", average="macro")
    assert metrics.macro_auroc(shares, labels) == pytest.approx(expected, abs=1e-6)
    for c in range(3):
        others = sk.recall_score(labels != c, predicted != c)
        assert float(metrics.specificity(counts)[c]) == pytest.approx(others)


def test_auroc_counts_ties_half_and_is_undefined_without_both() -> None:
    assert auroc(torch.tensor([0.5, 0.5]), torch.tensor([True, False])) == 0.5
    assert auroc(torch.tensor([0.5, 0.7]), torch.tensor([True, True])) != auroc(
        torch.tensor([0.5, 0.7]), torch.tensor([True, True])
    )  # NaN


def test_calibration_error_is_that_of_torchmetrics() -> None:
    logits, labels = sample()
    expected = multiclass_calibration_error(logits.softmax(1), labels, num_classes=3, n_bins=15)
    assert metrics.calibration_error(logits.softmax(1), labels) == pytest.approx(float(expected), abs=1e-5)


def test_the_temperature_has_the_maximum_likelihood() -> None:
    logits, labels = sample()
    found = float(metrics.fit_temperature(3.0 * logits, labels))
    losses = {t: float(F.cross_entropy(3.0 * logits / t, labels)) for t in np.linspace(0.5, 9.0, 400)}
    assert found == pytest.approx(min(losses, key=losses.__getitem__), abs=0.03)


def test_the_temperature_of_perfect_scores_stays_finite() -> None:
    assert 0.0 < float(metrics.fit_temperature(torch.eye(4) * 9, torch.arange(4))) < 1.0


def test_the_bootstrap_interval_contains_the_metric_and_is_reproducible() -> None:
    logits, labels = sample(400)
    predicted = logits.argmax(1)
    found = metrics.bootstrap(predicted, labels, 3)
    assert found == metrics.bootstrap(predicted, labels, 3)
    accuracy = float((predicted == labels).float().mean())
    deviation = (accuracy * (1 - accuracy) / 400) ** 0.5
    assert found["accuracy_low"] == pytest.approx(accuracy - 1.96 * deviation, abs=0.012)
    assert found["accuracy_high"] == pytest.approx(accuracy + 1.96 * deviation, abs=0.012)
    assert found["balanced_accuracy_low"] < found["balanced_accuracy_high"]
