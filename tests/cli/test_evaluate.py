"""``attn eval``: the metrics of a checkpoint, equal to those that its run recorded."""

import json
import re
import shutil
from pathlib import Path

import pytest

import suite
from tests.cli.conftest import Attn

SMALL = ("task=graph", "data=graph/synthetic", "debug=short")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> suite.Run:
    return suite.train(*SMALL, run_dir=tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_metrics_are_those_of_the_run(run: suite.Run, split: str, attn: Attn, tmp_path: Path) -> None:
    done = attn("eval", f"ckpt={run.best}", f"split={split}")
    assert done.returncode == 0, done.stderr
    expected = {name: value for name, value in run.metrics.items() if name.startswith(split)}
    assert expected
    shown = dict(re.findall(r"(\S+/\S+) +\u2502 (\S+)", done.stdout))
    assert shown == {name: f"{value:.4f}" for name, value in expected.items()}
    assert not list(tmp_path.iterdir())


def test_the_directory_of_a_run_is_its_best_checkpoint(run: suite.Run) -> None:
    assert suite.evaluate(run) == suite.evaluate(run.best)
    assert suite.evaluate(run, "val") == {
        k: v for k, v in json.loads((run.dir / "result.json").read_text()).items() if k.startswith("val/")
    }


def test_other_data_are_rejected_with_what_differs(run: suite.Run, attn: Attn) -> None:
    done = attn("eval", f"ckpt={run.best}", "data.num_features=9")
    assert done.returncode == 2
    assert "was trained on other data: num_features is 9 here and" in done.stderr


def test_a_copied_run_evaluates_without_its_directory(run: suite.Run, attn: Attn, tmp_path: Path) -> None:
    shutil.copy(run.best, tmp_path / "copy.ckpt")
    assert attn("eval", "ckpt=copy.ckpt").returncode == 0
