"""Every task trains in every precision of Lightning on a CPU, and its metrics are finite."""

import json
import math
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch

TASKS = ("documents", "graph", "oct", "recommender", "speech")
PRECISIONS = ("bf16-mixed", "bf16-true", "16-true", "64-true")
CASES = [
    pytest.param(task, precision, marks=[] if number == index % len(PRECISIONS) else pytest.mark.slow)
    for index, task in enumerate(TASKS)
    for number, precision in enumerate(PRECISIONS)
]


@pytest.mark.parametrize(("task", "precision"), CASES)
def test_a_task_trains_in_every_precision(task: str, precision: str, tmp_path: Path) -> None:
    data = [f"task={task}", f"data={task}/synthetic", "trainer=cpu", "debug=short"]
    launch(compose([*data, f"trainer.precision={precision}", f"run_dir={tmp_path / 'run'}"]))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    metrics = {name: value for name, value in result.items() if name.startswith(("val/", "test/"))}
    assert metrics
    assert all(math.isfinite(value) for value in metrics.values()), metrics
