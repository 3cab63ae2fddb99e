"""The losses of one epoch, for comparisons of two ways to compute them."""

from pathlib import Path

from suite.api.run import Run
from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.training.forked import TASKS

# torch's compiler and the optional kernels draw other dropout masks.
STEADY = {
    "graph": ["model.dropout=0", "model.feature_dropout=0", "attention.dropout=0"],
    "recommender": ["model.dropout=0", "attention.dropout=0"],
    "speech": ["model.encoder.dropout=0", "model.decoder.dropout=0"],
}


def losses(task: str, run_dir: Path, *words: str) -> list[float]:
    """Train one epoch without dropout; return the losses."""
    run = launch(compose([*TASKS[task], *STEADY.get(task, []), "debug=one_pass", f"run_dir={run_dir}", *words]))
    return [row["train/loss"] for row in Run(run).history if "train/loss" in row]
