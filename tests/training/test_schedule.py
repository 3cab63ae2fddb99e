"""Learning-rate schedules, against torch's own where it has the same one."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module, build_trainer
from suite.training.schedule import CosineSchedule, InverseSquareRootSchedule, LinearSchedule, Schedule


@pytest.mark.parametrize("kind", [LinearSchedule, CosineSchedule, InverseSquareRootSchedule])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.37])
def test_it_rises_to_one_and_falls(kind: type[Schedule], warmup: float) -> None:
    schedule = kind(warmup)
    values = [schedule(step / 1000) for step in range(1001)]
    top = round(1000 * warmup)
    assert max(values) == pytest.approx(values[top]) == pytest.approx(1.0)
    assert values[:top] == pytest.approx([step / 1000 / warmup for step in range(top)])
    assert all(a > b for a, b in zip(values[top:-1], values[top + 1 :], strict=True))


def test_the_cosine_is_torchs() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = CosineAnnealingLR(optimizer, T_max=17)
    for step in range(17):
        assert CosineSchedule()(step / 17) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_the_inverse_square_root_is_the_papers() -> None:
    """lrate = min(step^-0.5, step warmup_steps^-1.5), with its peak at 1."""
    schedule = InverseSquareRootSchedule(0.2)
    for step in range(1, 1001):
        assert schedule(step / 1000) == pytest.approx(min(step**-0.5, step * 200**-1.5) / 200**-0.5)


def test_the_rates_of_a_run() -> None:
    """Every step has its own."""
    overrides = ["task=documents", "data=documents/synthetic", "debug=short", "optim.lr=0.5", "schedule.warmup=0.25"]
    config = compose([*overrides, "trainer.max_epochs=3", "trainer.max_steps=-1", "trainer=cpu"])
    data = build_data(config)
    module = build_module(config, data.facts())
    rates = []
    module.optimizer_step = lambda epoch, index, optimizer, closure: (  # type: ignore[method-assign, assignment]
        rates.append(optimizer.param_groups[0]["lr"]),
        optimizer.step(closure),
    )
    build_trainer(config["trainer"]).fit(module, datamodule=data)
    steps = 3 * len(data.train_dataloader())
    assert rates == pytest.approx([0.5 * LinearSchedule(0.25)(step / steps) for step in range(steps)])


def test_what_has_no_end_is_refused() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    for steps in (math.inf, -1, 0):
        with pytest.raises(UserError, match="when training ends"):
            LinearSchedule().attach(optimizer, steps)
    with pytest.raises(UserError, match="warmup"):
        LinearSchedule(1.0)
