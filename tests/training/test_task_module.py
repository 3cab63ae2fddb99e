"""Metrics come from rows, so neither batches nor their order can change them."""

import pytest
import torch
from torch import Tensor, nn

from suite.training.task_module import SampleResults, TaskModule


class Batch:
    def __init__(self, x: Tensor) -> None:
        self.x = x

    def to(self, device: torch.device) -> "Batch":
        return Batch(self.x.to(device))


class Squares(TaskModule):
    """A row is a square; its metric is the root of their mean, which no mean of batches equals."""

    def per_sample(self, batch: Batch) -> SampleResults:
        return {"square": self.net(batch.x)[:, 0] ** 2}

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        return {"rms": float(rows["square"].double().mean().sqrt())}


@pytest.mark.parametrize("sizes", [[23], [1, 22], [7, 7, 9], [1] * 23])
def test_batches_do_not_change_a_metric(sizes: list[int]) -> None:
    torch.manual_seed(0)
    module = Squares(nn.Linear(5, 1), torch.optim.SGD)  # type: ignore[arg-type]
    x = torch.randn(23, 5)
    expected = float((module.net(x).detach()[:, 0] ** 2).double().mean().sqrt())
    assert module.metrics_of(map(Batch, x.split(sizes))) == {"rms": pytest.approx(expected, rel=1e-6)}


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_the_mode_and_the_gradients_alone(training: bool) -> None:
    module = Squares(nn.Sequential(nn.Linear(5, 1), nn.Dropout(0.5)), torch.optim.SGD)  # type: ignore[arg-type]
    module.net.train(training)
    x = torch.randn(11, 5)
    assert module.metrics_of([Batch(x)]) == module.metrics_of([Batch(x)])  # without dropout
    assert module.net.training is training
    assert all(parameter.grad is None for parameter in module.parameters())
