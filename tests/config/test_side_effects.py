"""Effects are allowed unless a checkpoint is measured."""

import pytest

from suite.attention.compiled.library import may_build
from suite.config.side_effects import VARIABLE, allowed, check_allowed, side_effects, without_side_effects
from suite.errors import UserError


def test_nothing_is_allowed_inside_and_everything_outside() -> None:
    with without_side_effects():
        assert not allowed()
        assert not may_build.get()
        with pytest.raises(UserError, match=r"x is missing\. Nothing is downloaded .* attn data get x"):
            check_allowed("x is missing", "x")
        with side_effects(True, compile_kernels=False):
            assert allowed()
            assert not may_build.get()
    check_allowed("x is missing")
    assert may_build.get()
    with without_side_effects(compile_kernels=True):
        assert may_build.get()


def test_a_process_that_runs_what_a_file_describes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    assert not allowed()
