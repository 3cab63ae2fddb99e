"""The trainer's keys of a config are parsed once, with a clear error for each wrong one."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return compose(["task=graph", "data=graph/synthetic"])


def test_it_holds_the_values_of_the_config(config: dict[str, Any]) -> None:
    parsed = RunConfig.parse(config)
    assert (parsed.task_name, parsed.seed, parsed.prefetch, parsed.resident) == ("graph", 1, 0, False)
    assert (parsed.checkpoints.every_seconds, parsed.checkpoints.every_steps) == (30.0, None)
    assert (parsed.cluster.node, parsed.cluster.slurm, parsed.cluster.timeout) == (0, False, 900)
    assert parsed.trainer["devices"] == 1
    assert list(parsed.logger) == ["csv"]
    assert parsed.schedule == {}
    assert parsed.source == config
    with pytest.raises(FrozenInstanceError):
        parsed.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefetch": -1}, "prefetch must be at least 0, got -1"),
        ({"seed": "one"}, "seed must be a whole number, got 'one'"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 1.5}, "threads must be a whole number or null, got 1.5"),
        ({"resident": 1}, "resident must be true or false, got 1"),
        ({"checkpoints": {"every_steps": 1}}, "the config has no key checkpoints.every_seconds"),
        ({"checkpoints": {"every_seconds": -1.0, "every_steps": None}}, "checkpoints.every_seconds must be at least 0"),
        ({"checkpoints": {"every_second": 1.0}}, r"checkpoints\.every_second is not a key .*Did you mean 'every_seco"),
        ({"cluster": None}, "cluster must be a group of keys, got None"),
        ({"trainer": "cpu"}, "trainer must be a group of keys, got 'cpu'"),
    ],
)
def test_a_wrong_value_is_named(config: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RunConfig.parse({**config, **changes})


def test_a_missing_key_is_named(config: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="the config has no key seed; compose it with suite.compose"):
        RunConfig.parse({key: value for key, value in config.items() if key != "seed"})
