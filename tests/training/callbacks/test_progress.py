"""The progress bar is for terminals."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from suite.training.callbacks.progress import ProgressBar


@pytest.mark.parametrize(
    ("terminal", "ci", "first", "shown"),
    [(True, "", True, True), (False, "", True, False), (True, "true", True, False), (True, "", False, False)],
)
def test_it_is_shown_in_a_terminal_by_the_first_process(
    terminal: bool, ci: str, first: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("CI", ci)
    trainer: Any = SimpleNamespace(is_global_zero=first, estimated_stepping_batches=10, global_step=3)
    bar = ProgressBar()
    bar.on_train_start(trainer, None)  # type: ignore[arg-type]
    assert (bar._bar is not None) is shown
    bar.on_report(trainer, None, {"val/loss": 0.5})  # type: ignore[arg-type]
    if bar._bar is not None:
        assert bar._bar.tasks[0].completed == 3
        assert bar._bar.tasks[0].fields["metrics"] == "val/loss 0.5000"
    bar.on_exception(trainer, None, ValueError())  # type: ignore[arg-type]
    assert bar._bar is None
