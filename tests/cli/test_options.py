"""KEY=VALUE arguments."""

import pytest

from suite.cli.options import parse
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
