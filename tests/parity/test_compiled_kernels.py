"""Runs with compiled attention kernels."""

import csv
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.attention.conftest import needs_compiler
from tests.training.forked import TASKS


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


# Dropout has masks of its own in torch's compiler and in the optional kernels.
STEADY = {
    "graph": ["model.dropout=0", "model.feature_dropout=0", "attention.dropout=0"],
    "recommender": ["model.dropout=0", "attention.dropout=0"],
    "speech": ["model.encoder.dropout=0", "model.decoder.dropout=0"],
}


def losses(task: str, run_dir: Path, *words: str) -> list[float]:
    """The losses of one pass."""
    run = launch(compose([*TASKS[task], *STEADY.get(task, []), "debug=one_pass", f"run_dir={run_dir}", *words]))
    return [float(row["train/loss"]) for row in rows(run) if row["train/loss"]]


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
