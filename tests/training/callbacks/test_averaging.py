"""Averaged weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.callbacks.averaging import WeightAveraging
from tests.training import forked
from tests.training.forked import TASKS, resumed


def test_the_average_is_that_of_a_slow_loop() -> None:
    torch.manual_seed(0)
    net, averaging = nn.Linear(3, 2), WeightAveraging(0.5)
    expected: Any = None
    for step in range(1, 9):
        with torch.no_grad():
            net.weight.copy_(torch.randn(2, 3))
        averaging.update(net, step)
        averaging.update(net, step)  # no step since: nothing changes
        d = min(0.5, (1 + step) / (10 + step))
        expected = net.weight.detach().clone() if expected is None else d * expected + (1 - d) * net.weight.detach()
    assert averaging.average is not None
    torch.testing.assert_close(averaging.average["weight"], expected)
    with pytest.raises(UserError, match=r"must be in \(0, 1\), got 1.0"):
        WeightAveraging(1.0)


def test_averaged_weights_are_measured_and_kept_and_survive_a_kill(tmp_path: Path) -> None:
    config = compose([*TASKS["documents"], "callbacks=averaging", "callbacks.averaging.decay=0.9"])
    whole = resumed(config, tmp_path / "whole", [])
    plain = resumed(compose(TASKS["documents"]), tmp_path / "plain", [])
    name = next(iter(whole["states"]["last.ckpt"]))
    assert torch.equal(whole["states"]["last.ckpt"][name], plain["states"]["last.ckpt"][name]), "training is the same"
    assert whole["metrics"][0]["val/loss"] != plain["metrics"][0]["val/loss"]
    assert not torch.equal(whole["states"]["best.ckpt"][name], plain["states"]["best.ckpt"][name])
    saved_often = {**config, "checkpoints": {"every_seconds": None, "every_steps": 2}}
    forked.assert_same(resumed(saved_often, tmp_path / "killed", [31]), whole)
