"""Runs with compiled attention kernels."""

from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.attention.conftest import needs_compiler
from tests.training.forked import TASKS
from tests.training.one_pass import STEADY, losses


@needs_compiler
@pytest.mark.parametrize("task", STEADY)
def test_compiled_kernels_train_to_the_same_numbers(task: str, tmp_path: Path) -> None:
    plain, compiled = (
        losses(task, tmp_path / choice, f"attention.implementation={choice}") for choice in ("auto", "compiled")
    )
    assert compiled == pytest.approx(plain, rel=1e-4)


@needs_compiler
def test_compiled_kernels_repeat_a_run_under_its_seed(tmp_path: Path) -> None:
    words = [*TASKS["recommender"], "debug=one_pass", "attention.implementation=compiled", "attention.dropout=0.3"]
    runs = [launch(compose([*words, f"run_dir={tmp_path / name}"])) for name in ("one", "two")]
    assert (runs[0] / "metrics.csv").read_text() == (runs[1] / "metrics.csv").read_text()
