"""Numbers of digits."""

import pytest

from suite.errors import UserError
from tasks.speech.digits import parse_digits


@pytest.mark.parametrize("text", ["0", "5-3", "x", "1-", ""])
def test_a_value_that_is_not_a_number_or_a_range_is_rejected(text: str) -> None:
    with pytest.raises(UserError, match=r"data\.digits"):
        parse_digits(text)
