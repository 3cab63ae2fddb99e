"""Python values become overrides that Hydra and YAML read back as the same values."""

from pathlib import Path

import pytest

import suite
from suite.api.overrides import to_dotlist, to_overrides
from suite.config.overrides import merge

VALUES = {
    "text": "plain",
    "path": Path("a b/c.csv"),
    "number": "1",
    "word": "true",
    "quotes": 'it\'s "so"',
    "braces": "{a: b}, [c]",
    "empty": "",
    "slash": r"C:\data\new",
    "dollar": "a=b",
    "ending": "a\\",
    "escaped": "a\\'b",
    "none": None,
    "yes": True,
    "whole": 3,
    "rate": 1e-05,
    "list": [1, "two", None],
}


def test_values_are_read_back_from_a_checkpoints_config():
    recorded = {"group": dict.fromkeys(VALUES)}
    found = merge(recorded, to_dotlist([], {"group": VALUES}))["group"]
    assert found == {**VALUES, "path": "a b/c.csv"}


@pytest.mark.parametrize("name", [name for name in VALUES if name not in ("yes", "whole", "rate", "list")])
def test_text_is_read_back_from_a_composed_config(name):
    value = VALUES[name]
    found = suite.compose("task=graph", "data=graph/synthetic", run_dir=value)["run_dir"]
    assert found == (str(value) if isinstance(value, Path) else value)


def test_nested_dicts_set_single_keys_and_others_stay():
    config = suite.compose(
        "data=graph/synthetic",
        task="graph",
        seed=7,
        model={"num_heads": 2},
        **{"optim.lr": 0.5, "trainer.max_steps": 3},
    )
    assert (config["seed"], config["model"]["num_heads"], config["optim"]["lr"]) == (7, 2, 0.5)
    assert config["trainer"]["max_steps"] == 3
    assert config["model"]["_target_"]


def test_values_that_are_not_plain_are_rejected():
    with pytest.raises(TypeError, match="a config holds plain values"):
        to_overrides([], {"seed": object()})
