"""Messages for invalid input."""

import pytest

from suite.errors import UserError, check_at_least, did_you_mean


@pytest.mark.parametrize(("least", "value"), [(1, 1), (0, 0.5), (-2, 0)])
def test_a_value_that_is_large_enough(least: float, value: float) -> None:
    check_at_least(least, "data.x", value)


@pytest.mark.parametrize(("least", "value"), [(1, 0), (0, -0.5)])
def test_a_value_that_is_too_small_is_named_with_its_key(least: float, value: float) -> None:
    with pytest.raises(UserError, match=f"data.x must be at least {least}, got {value}"):
        check_at_least(least, "data.x", value)


def test_the_nearest_choice_comes_first() -> None:
    assert did_you_mean("gta", ["gatv2", "gat"]) == " Did you mean 'gat'? Valid: gat, gatv2."
    assert did_you_mean("xyz", ["gat"]) == " Valid: gat."
    assert did_you_mean("gat", []) == ""
