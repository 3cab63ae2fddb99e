"""The contract of a task fails for a task that breaks it."""

from pathlib import Path
from typing import Any

import pytest

from suite.testing import TaskContract


class Recorded(TaskContract):
    """A contract whose runs are replaced by files."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result

    def launch(self, run_dir: Path, *more: str) -> dict[str, Any]:
        (run_dir / "checkpoints").mkdir(parents=True)
        for name in ("config.yaml", "metrics.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt"):
            (run_dir / name).write_text("")
        (run_dir / "provenance.json").write_text('{"data": {"origin": "generated"}}')
        return self.result


def test_a_flat_result_with_both_splits_passes(tmp_path: Path) -> None:
    contract = Recorded({"test/accuracy": 0.5, "val/accuracy": 0.5, "task": "graph"})
    contract.test_a_run_writes_its_files_and_a_flat_result(tmp_path)


@pytest.mark.parametrize("result", [{"test/accuracy": 0.5}, {"val/accuracy": 0.5}, {"test/a": [1], "val/a": 1.0}])
def test_a_missing_metric_and_a_nested_value_fail(result: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Recorded(result).test_a_run_writes_its_files_and_a_flat_result(tmp_path)
