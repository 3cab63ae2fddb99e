"""``attn find`` trains for a few steps and leaves no files."""

import csv
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Attn, attn  # noqa: F401  # a fixture
from tests.training.forked import TASKS


@pytest.mark.parametrize("task", ["documents", "graph"])
def test_a_rate_is_found_and_nothing_is_left(task: str, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    done = attn("find", "lr", *TASKS[task], "steps=60", "lr_min=1e-5", "output=curve.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    suggested = re.fullmatch(r"optim\.lr=(\S+)", done.stdout.splitlines()[-1])
    assert suggested
    assert 1e-4 < float(suggested[1]) < 1.0
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 20 < len(rows) <= 60
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["curve.csv"]


@pytest.mark.parametrize(("task", "key"), [("recommender", "data.positions"), ("documents", None)])
def test_a_size_is_found(task: str, key: str | None, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    done = attn("find", "batch", *TASKS[task], "steps=2", *([f"key={key}"] if key else []))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["size", "samples", "samples/s", "GiB"]
    first = int(lines[1].split()[0])
    assert int(lines[2].split()[0]) == 2 * first
    assert re.fullmatch(rf"{key or 'data.batch_size'}=\d+", lines[-1])
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]


REFUSED = [
    (
        ["batch", "task=documents", "data=documents/synthetic", "key=data.size"],
        "set key=KEY to one of: data.batch_size",
    ),
    (["batch", "task=graph", "data=graph/synthetic"], "task=graph trains on the whole set as one batch"),
    (["batch", "task=documents", "data=documents/synthetic", "key=data.num_documents"], "is not a batch size: an"),
    (["batch", "task=documents", "data=documents/synthetic", "memory=0"], "memory must be above 0 GiB, got 0"),
    (["lr", "task=documents", "data=documents/synthetic", "lr_min=2"], "lr_min must be above 0 and below lr_max"),
    (["lr", "task=documents", "data=documents/synthetic", "steps=many"], "steps must be a whole number, got 'many'"),
    (["lr", "task=documents", "output=curve.html"], "output=curve.html must end in .csv"),
    (["rate", "task=documents"], "attn find rate is not known."),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(words: list[str], message: str, attn: Attn) -> None:  # noqa: F811
    done = attn("find", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
