"""Subwords: more units than the texts allow."""

import pytest

from suite.errors import UserError
from tasks.speech.subwords import Subwords


def test_a_number_of_units_that_does_not_fit_the_texts_is_rejected() -> None:
    with pytest.raises(UserError, match="data.num_subwords=2 does not fit the training transcripts"):
        Subwords.train(["THE CAT SAT"], 2)
