"""Checks of a composed config: types of values, presets of other tasks, missing values."""

import pytest

from suite.config.checks import check_groups, check_presets
from suite.config.compose import compose
from suite.errors import UserError

SMALL = ["task=graph", "data=graph/synthetic"]


@pytest.mark.parametrize(
    ("override", "section", "value"),
    [
        ("trainer.devices=4", "trainer", 4),
        ("trainer.devices=[0,2]", "trainer", [0, 2]),
        ("selection.patience=null", "selection", None),
        ("trainer.gradient_clip_val=1.0", "trainer", 1.0),
    ],
)
def test_a_type_that_the_class_takes_is_accepted(override: str, section: str, value: object) -> None:
    config = compose([*SMALL, "trainer=ddp", override])
    assert config[section][override.split("=")[0].split(".")[1]] == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lr=null", "optim.lr=null is not a number"),
        ("trainer.devices={a:1}", "trainer.devices=.* is not text"),
        ("trainer.max_steps=soon", "trainer.max_steps=soon is not a whole number"),
        ("seed=abc", "seed=abc is not a whole number; the preset has seed=1"),
    ],
)
def test_any_other_type_is_rejected(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose([*SMALL, "trainer=ddp", override])


def test_a_number_is_not_a_preset() -> None:
    with pytest.raises(UserError, match="optim=3 is not known"):
        check_presets(["optim=3"])


def test_presets_belong_to_their_task() -> None:
    check_groups({"task": "graph", "data": "graph/cora", "model": "graph/gat"})
    with pytest.raises(UserError, match="task=graph cannot use data=documents/imdb, which belongs to task=documents"):
        check_groups({"task": "graph", "data": "documents/imdb"})


def test_a_value_that_only_the_user_has_is_an_error_without_it() -> None:
    with pytest.raises(UserError, match=r"data\.path has no value; give it one with data\.path=VALUE"):
        compose(["task=graph", "data=graph/npz"])
