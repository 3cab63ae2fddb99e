"""Calibration against neighbouring values."""

import pytest
import torch
import torch.nn.functional as F

from tasks.oct import metrics
from tasks.oct.calibration import BalancedBias, TemperatureScaling
from tests.oct.test_metrics import sample


def test_a_temperature_does_not_change_classes() -> None:
    logits, labels = sample()
    temperature, bias = TemperatureScaling()(logits, labels)
    assert float(temperature) == pytest.approx(float(metrics.fit_temperature(logits, labels)))
    assert not bool(bias.any())


def test_a_balanced_bias_has_the_maximum_likelihood_of_equally_weighted_classes() -> None:
    logits, labels = sample(400)
    keep = (labels != 0) | (torch.arange(400) % 5 == 0)  # the first class becomes rare
    logits, labels = logits[keep], labels[keep]
    weight = 1.0 / torch.bincount(labels).float()
    temperature, bias = BalancedBias(strength=0.0)(logits, labels)

    def loss(temperature: torch.Tensor, bias: torch.Tensor) -> float:
        return float(F.cross_entropy(logits / temperature + bias, labels, weight=weight))

    best = loss(temperature, bias)
    assert best < loss(*TemperatureScaling()(logits, labels))
    for place in range(3):
        for step in (-0.1, 0.1):
            assert best < loss(temperature, bias + step * F.one_hot(torch.tensor(place), 3)) + 1e-6
    assert best < min(loss(temperature * 1.1, bias), loss(temperature / 1.1, bias))


def test_a_balanced_bias_stays_finite_without_errors() -> None:
    temperature, bias = BalancedBias()(9.0 * torch.eye(3).repeat(4, 1), torch.arange(3).repeat(4))
    assert 0.01 < float(temperature) < 10
    assert float(bias.abs().max()) < 1.0
