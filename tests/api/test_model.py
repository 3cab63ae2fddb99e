"""A loaded model predicts, draws and evaluates; what its task cannot do is an error that names the task."""

import json
from pathlib import Path

import pytest

import suite


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> "suite.Run":
    folder = tmp_path_factory.mktemp("model") / "run"
    return suite.train("task=documents", "data=documents/synthetic", "debug=short", f"run_dir={folder}", seed=1)


def test_evaluate_returns_the_metrics_that_the_run_recorded(run: "suite.Run") -> None:
    result = json.loads((Path(run.best).parents[1] / "result.json").read_text())
    metrics = suite.load(run.best).evaluate("test")
    assert metrics
    assert metrics == {name: result[name] for name in metrics}


def test_predict_returns_one_plain_dict_for_each_record(run: "suite.Run") -> None:
    first, second = suite.load(run.best).predict(["one two. three", ""])
    assert sum(first["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)  # rounded to six decimals each
    assert json.loads(json.dumps(second)) == second
