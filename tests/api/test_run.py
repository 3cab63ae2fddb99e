"""``suite.train`` gives the run of ``attn train``, and ``Run`` reads it."""

import os

import pytest
import yaml

import suite
from suite.errors import UserError

SMALL = ("task=graph", "data=graph/synthetic", "debug=short")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return suite.train(*SMALL, run_dir=tmp_path_factory.mktemp("runs") / "run", seed=5)


def test_a_run_has_its_files_config_and_metrics(run):
    assert run.best.is_file()
    assert run.last.is_file()
    assert run.config["seed"] == run.result["seed"] == 5
    assert run.result["task"] == "graph"
    assert set(run.metrics) == {"val/loss", "val/accuracy", "test/loss", "test/accuracy"}
    best = [row for row in run.history if "val/accuracy" in row][run.result["best_epoch"] - 1]
    assert best["val/accuracy"] == run.metrics["val/accuracy"]
    assert suite.Run(str(run.dir)) == run
    assert os.fspath(run) == str(run.dir)


def test_a_folder_without_a_run_is_rejected(tmp_path):
    with pytest.raises(UserError, match="is not the directory of a run"):
        suite.Run(tmp_path)


def test_a_run_that_has_not_ended_has_no_result(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"seed": 1}))
    with pytest.raises(UserError, match="has no result.json yet"):
        _ = suite.Run(tmp_path).result


def test_the_command_and_the_function_give_equal_numbers(run, tmp_path, monkeypatch):
    from suite.cli.main import main

    monkeypatch.chdir(tmp_path)
    assert main(["train", *SMALL, "run_dir=again", "seed=5"]) == 0
    assert suite.Run("again").metrics == run.metrics


def test_an_ended_run_does_not_resume(run):
    with pytest.raises(UserError, match="has ended"):
        suite.train(resume=run.dir)


def test_the_door_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, suite; "
        "heavy = {'torch', 'lightning', 'hydra', 'omegaconf', 'numpy', 'yaml', 'pandas', 'rich'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
