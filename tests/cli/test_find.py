"""``attn find``: its arguments; ``tests/find`` tests what it finds."""

import csv
from pathlib import Path

import pytest

from tests.cli.conftest import Attn

SMALL = ("task=documents", "data=documents/synthetic")


def test_a_learning_rate_is_found_and_written(attn: Attn, tmp_path: Path) -> None:
    done = attn("find", "lr", *SMALL, "steps=30", "output=rates.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("optim.lr=")
    with (tmp_path / "rates.csv").open(newline="") as file:
        assert list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rate",), "attn find rate is not known. Valid: batch, lr."),
        (("lr", *SMALL, "output=rates.txt"), "output=rates.txt must end in .csv"),
        (("lr", *SMALL, "lr_min=abc"), "lr_min must be a number, got 'abc'"),
        (("batch", *SMALL, "steps=2.5"), "steps must be a whole number, got '2.5'"),
    ],
)
def test_wrong_arguments_name_the_fix(words: tuple[str, ...], message: str, attn: Attn, tmp_path: Path) -> None:
    done = attn("find", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())
