"""Metrics are logged without rounding, and reported to loggers and callbacks."""

from functools import partial
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

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


class Scaled(BaseTaskModule):
    """The gradient of its weight is 100."""

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss: torch.Tensor = 100.0 * self.net(batch).sum()
        return loss


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*logging interval")
@pytest.mark.parametrize("algorithm", ["norm", "value"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_fused_optimiser_gets_clipped_gradients(precision: Any, algorithm: str) -> None:
    module = Scaled(nn.Linear(1, 1, bias=False), partial(torch.optim.SGD, lr=1.0, fused=True))
    trainer = pl.Trainer(
        accelerator="cpu",
        precision=precision,
        gradient_clip_val=0.5,
        gradient_clip_algorithm=algorithm,
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    before = module.net.weight.item()
    trainer.fit(module, DataLoader(torch.ones(1, 1)))  # type: ignore[arg-type]
    assert before - module.net.weight.item() == pytest.approx(0.5, rel=1e-4)


def test_adam_in_float16_has_an_eps_that_float16_can_hold() -> None:
    for dtype, eps in ((torch.float16, 1e-4), (torch.bfloat16, 1e-8), (torch.float32, 1e-8)):
        module = Scaled(nn.Linear(1, 1).to(dtype), torch.optim.Adam)  # type: ignore[arg-type]
        assert module.configure_optimizers().param_groups[0]["eps"] == eps
