"""Metrics are logged without rounding, and reported to loggers and callbacks."""

from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from suite.training.base_task_module import BaseTaskModule, evaluate


class Constant(BaseTaskModule):
    """Logs a metric that float32 cannot hold."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log_metrics({"test/third": 1 / 3, "test/other/third": 2 / 3})


class Loaded:
    """Data with one batch, which names the split."""

    def evaluation_batches(self, split: str) -> list[torch.Tensor]:
        return [torch.ones(1)]


@pytest.fixture
def trainer() -> pl.Trainer:
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("split", ["val", "test"])
def test_an_evaluation_returns_the_metrics_in_double_precision(trainer: pl.Trainer, split: str) -> None:
    module = Constant(nn.Linear(1, 1), torch.optim.SGD)  # type: ignore[arg-type]
    metrics = evaluate(trainer, module, Loaded(), split)  # type: ignore[arg-type]
    assert metrics == {f"{split}/third": 1 / 3, f"{split}/other/third": 2 / 3}


def test_a_report_reaches_callbacks_that_listen() -> None:
    heard = []

    class Listener(pl.Callback):
        def on_report(self, trainer: pl.Trainer, module: pl.LightningModule, metrics: dict[str, float]) -> None:
            heard.append(metrics)

    module = Constant(nn.Linear(1, 1), torch.optim.SGD)  # type: ignore[arg-type]
    module.trainer = pl.Trainer(  # type: ignore[assignment]
        accelerator="cpu", logger=False, callbacks=[Listener(), pl.Callback()], enable_checkpointing=False
    )
    module.report({"val/loss": 0.5})
    assert heard == [{"val/loss": 0.5}]
