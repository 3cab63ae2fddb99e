"""The contract of a task, as tests that a task inherits, in this repository or in a package of your own."""

import json
from pathlib import Path
from typing import Any, ClassVar

import torch

from suite.config.compose import compose
from suite.training.state import checkpoint_file


class TaskContract:
    """Tests of a run of one task. Inherit in a test file and set ``overrides``::

        class TestGraph(TaskContract):
            overrides = ["task=graph", "data=graph/synthetic"]

    They check that a run writes its files, that its checkpoint contains only plain types and tensors and reproduces
    the recorded metrics, that equal seeds give equal weights, and that each test metric has a validation metric.

    Attributes:
        overrides: task and data of the runs.
        brief: overrides that keep a run short.
    """

    overrides: ClassVar[list[str]] = []
    brief: ClassVar[list[str]] = ["debug=short"]

    def launch(self, run_dir: Path, *more: str) -> dict[str, Any]:
        """Train a short run and return its result."""
        from suite.training.run.launch import launch

        launch(compose([*self.overrides, *self.brief, f"run_dir={run_dir}", *more]))
        result: dict[str, Any] = json.loads((run_dir / "result.json").read_text())
        return result

    def test_a_run_writes_its_files_and_a_flat_result(self, tmp_path: Path) -> None:
        result = self.launch(tmp_path / "run")
        for name in ("config.yaml", "provenance.json", "metrics.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt"):
            assert (tmp_path / "run" / name).is_file(), name
        assert all(isinstance(value, (str, int, float)) for value in result.values())
        tests = [name for name in result if name.startswith("test/")]
        assert tests
        assert all(name.replace("test/", "val/") in result for name in tests)
        provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
        assert provenance["data"]

    def test_a_checkpoint_reproduces_the_recorded_metrics(self, tmp_path: Path) -> None:
        from suite.api.evaluate import evaluate

        result = self.launch(tmp_path / "run")
        for split in ("val", "test"):
            for name, value in evaluate(tmp_path / "run/checkpoints/best.ckpt", split).items():
                assert result[name] == value, name

    def test_a_checkpoint_contains_plain_types_and_tensors(self, tmp_path: Path) -> None:
        self.launch(tmp_path / "run")
        content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
        assert content["schema"] == checkpoint_file.SCHEMA
        assert content["config"]["task_name"]
        assert content["state_dict"]

    def test_the_weights_follow_from_the_seed(self, tmp_path: Path) -> None:
        weights = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.launch(tmp_path / name, f"seed={seed}")
            weights.append(torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"])
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
        assert any(not torch.equal(weights[0][key], weights[2][key]) for key in weights[0])
