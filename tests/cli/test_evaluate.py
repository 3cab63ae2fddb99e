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
    assert "was trained on: 57 samples" in done.stderr or "was trained on: 61 samples" in done.stderr
    assert "num_features is 9 here and 37 in the checkpoint" in done.stderr


def test_a_copied_run_evaluates_without_its_directory(run: suite.Run, attn: Attn, tmp_path: Path) -> None:
    shutil.copy(run.best, tmp_path / "copy.ckpt")
    assert attn("eval", "ckpt=copy.ckpt").returncode == 0


def test_a_file_of_ones_own(attn: Attn, tmp_path: Path) -> None:
    run = suite.train("task=documents", "data=documents/synthetic", "debug=one_pass", run_dir=tmp_path / "run")
    class_names = suite.load(run.best).facts["class_names"]
    rows = "".join(f"text number {number},{name}\n" for number, name in enumerate(class_names))
    (tmp_path / "mine.csv").write_text(f"text,label\n{rows}")
    done = attn("eval", f"ckpt={run.best}", f"data={tmp_path / 'mine.csv'}")
    assert done.returncode == 0, done.stderr
    expected = suite.load(run.best).evaluate(tmp_path / "mine.csv")
    assert dict(re.findall(r"(\w+) +\u2502 (\S+)", done.stdout)) == {k: f"{v:.4f}" for k, v in expected.items()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=missing.csv"], "data=missing.csv does not exist. data=PATH is your own labelled file"),
        (["data=.", "split=val"], "leave it out with data=PATH"),
        (["split=tset"], "Did you mean 'test'?"),
    ],
)
def test_contradictions_are_rejected(words: list[str], message: str, run: suite.Run, attn: Attn) -> None:
    done = attn("eval", f"ckpt={run.best}", *words)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_table_says_that_data_changed(attn: Attn, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    lines = [f"word{n % 7} text {n},{'pn'[n % 2]}\n" for n in range(60)]
    table.write_text("text,label\n" + "".join(lines))
    small = ("task=documents", "data=documents/csv", f"data.path={table}", f"data.dir={tmp_path}", "debug=one_pass")
    run = suite.train(*small, run_dir=tmp_path / "run")
    table.write_text("text,label\nnew words,p\n" + "".join(lines))
    done = attn("eval", f"ckpt={run.best}")
    assert done.returncode == 2
    assert "was trained on: 1 sample added" in done.stderr
    done = attn("eval", f"ckpt={run.best}", "allow_changes=true")
    assert done.returncode == 0, done.stderr
    assert "data changed since training: 1 sample added" in done.stdout
