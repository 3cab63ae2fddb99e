"""``attn predict``: predictions and pictures for the files of a user."""

import csv
import json
from pathlib import Path

import pytest

import suite
from tests.cli.conftest import Attn

TEXTS = ["Superb, I like it.", "A waste of money! Dull."]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> suite.Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return suite.train("task=documents", "data=documents/synthetic", "debug=short", run_dir=folder)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS))
    return path


def test_json_lines_go_to_standard_output(run: suite.Run, texts: Path, attn: Attn) -> None:
    done = attn("predict", f"ckpt={run.dir}", f"input={texts}")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == suite.load(run).predict(TEXTS)


def test_a_table_holds_lists_as_json(run: suite.Run, texts: Path, attn: Attn, tmp_path: Path) -> None:
    assert attn("predict", f"ckpt={run.best}", f"input={texts}", "output=out.csv").returncode == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = suite.load(run).predict(TEXTS)
    assert [row["label"] for row in rows] == [one["label"] for one in expected]
    assert [json.loads(row["probabilities"]) for row in rows] == [one["probabilities"] for one in expected]


def test_pictures_are_named_in_the_predictions(run: suite.Run, texts: Path, attn: Attn, tmp_path: Path) -> None:
    done = attn("predict", f"ckpt={run.best}", f"input={texts}", "output=out.jsonl", "draw=pictures")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    paths = [Path(one.pop("picture")) for one in found]
    assert found == suite.load(run).predict(TEXTS)
    assert len(set(paths)) == 2
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "pictures").iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["input=a"], "attn predict needs ckpt=PATH and input=PATH"),
        (["ckpt=a", "input=-", "output=page.html"], "must end in .jsonl or .csv; pictures are written with draw=DIR"),
        (["ckpt=a", "input=gone.txt"], "input=gone.txt does not exist"),
        (["ckpt=gone.ckpt", "input=-"], "no checkpoint at gone.ckpt"),
    ],
)
def test_wrong_arguments_name_the_fix(words: list[str], message: str, attn: Attn) -> None:
    done = attn("predict", *words)
    assert done.returncode == 2
    assert message in done.stderr


def test_an_error_leaves_no_partial_file(run: suite.Run, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"good\n\xff\xfe\n")
    done = attn("predict", f"ckpt={run.best}", "input=bad.txt", "output=out.jsonl", "predict.batch_size=1")
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert not list(tmp_path.glob("*out.jsonl*"))
