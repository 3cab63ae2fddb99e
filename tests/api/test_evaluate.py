"""Metrics of a checkpoint."""

from pathlib import Path

import pytest

from suite.api.evaluate import check_facts, evaluate
from suite.errors import UserError


def test_an_unknown_split_is_an_error() -> None:
    with pytest.raises(UserError, match="split=tset is not known. Did you mean 'test'"):
        evaluate("run", "tset")


def test_data_that_differ_from_those_of_training_are_an_error_that_names_them() -> None:
    check_facts(Path("best.ckpt"), {"classes": 3}, {"classes": 3, "more": 1})
    with pytest.raises(UserError, match=r"best\.ckpt was trained on other data: classes is 4 here and 3 in the check"):
        check_facts(Path("best.ckpt"), {"classes": 3}, {"classes": 4})
    with pytest.raises(UserError) as error:
        check_facts(Path("best.ckpt"), {"words": ["word"] * 1000}, {"words": []})
    assert len(str(error.value)) < 300
