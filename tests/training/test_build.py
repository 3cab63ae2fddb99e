"""Config becomes a module, callbacks and a Trainer."""

from pathlib import Path
from typing import Any

import pytest

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_callbacks, build_data, build_module, build_trainer
from suite.training.callbacks.checkpoints import Checkpoints
from suite.training.callbacks.signals import StopSignals
from suite.training.callbacks.validation import ValidateEpochs
from suite.training.config import RunConfig


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return compose(["task=graph", "data=graph/synthetic"])


def test_a_module_holds_what_rebuilds_it(config: dict[str, Any]) -> None:
    data = build_data(config)
    module = build_module(config, data.facts())
    checkpoint: dict[str, Any] = {"hyper_parameters": {}}
    module.on_save_checkpoint(checkpoint)
    assert checkpoint == {"schema": 2, "config": config, "facts": data.facts()}


def test_callbacks_end_with_validation_and_checkpoints(config: dict[str, Any]) -> None:
    module = build_module(config, build_data(config).facts())
    signals = StopSignals()
    callbacks = build_callbacks(RunConfig.parse(config), Path(), signals, module)
    assert signals in callbacks
    assert [type(one) for one in callbacks[-2:]] == [ValidateEpochs, Checkpoints]


def test_one_device_unless_it_is_distributed(config: dict[str, Any]) -> None:
    settings = {**config["trainer"], "accelerator": "cpu", "devices": 2, "strategy": "ddp"}
    assert build_trainer(settings).num_devices == 1
    assert build_trainer(settings, distributed=True).num_devices == 2
    assert build_trainer(settings, max_steps=3).max_steps == 3


def test_a_wrong_value_of_the_optimiser_is_rejected(config: dict[str, Any]) -> None:
    facts = build_data(config).facts()
    with pytest.raises(UserError, match="optim: Invalid learning rate"):
        build_module({**config, "optim": {**config["optim"], "lr": -1.0}}, facts)
