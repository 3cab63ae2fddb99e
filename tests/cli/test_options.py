"""KEY=VALUE arguments."""

import pytest

from suite.cli.options import parse, split
from suite.errors import UserError


def test_values_may_hold_equal_signs_and_the_last_of_a_key_is_used():
    assert parse(["ckpt=a=b", "split=val", "split=test", "output="], "eval") == {
        "ckpt": "a=b",
        "split": "test",
        "output": "",
    }


@pytest.mark.parametrize("word", ["ckpt", "=a", ""])
def test_what_is_not_key_and_value_is_rejected(word):
    with pytest.raises(UserError, match="is not KEY=VALUE; see attn eval --help"):
        parse([word], "eval")


def test_own_arguments_are_separated_from_overrides():
    words = ["lr_min=1e-3", "task=graph", "steps", "model.a=b=c", "steps=5"]
    assert split(words, ("lr_min", "steps")) == (
        {"lr_min": "1e-3", "steps": "5"},
        ["task=graph", "steps", "model.a=b=c"],
    )
