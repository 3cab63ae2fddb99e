"""Composing a config in Python."""

import json

import pytest

from suite.config.compose import compose
from suite.errors import UserError


def test_a_config_is_a_plain_resolved_dict() -> None:
    config = compose(["task=graph", "data=graph/synthetic", "seed=3"])
    assert config["seed"] == 3
    assert "hydra" not in config
    assert "${" not in json.dumps(config)


def test_errors_name_the_nearest_valid_name() -> None:
    with pytest.raises(UserError, match=r"model=graph/gta is not known\. Did you mean 'graph/gat'\?"):
        compose(["task=graph", "data=graph/synthetic", "model=graph/gta"])
    with pytest.raises(UserError, match=r"model\.num_haeds is not a key .*Did you mean 'num_heads'\?"):
        compose(["task=graph", "data=graph/synthetic", "model.num_haeds=3"])
