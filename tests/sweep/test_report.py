"""Table and plot of a sweep."""

from pathlib import Path

import pytest

from suite.cli.main import main
from tests.sweep.conftest import BASE, table


def test_a_sweep_finds_the_best_tells_failures_at_once_and_draws(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["optim.lr=interval(0.01,1.0)", "model.num_heads=choice(2,3)", "sweep.trials=9", "sweep.parallel=3"]
    assert main([*BASE, *words, "sweep.dir=s"]) == 0
    printed, rows = capsys.readouterr().out, table()
    assert len(rows) == 9
    failed = [row for row in rows if row["model.num_heads"] == "3"]
    assert failed
    assert all((row["state"], row["failure"]) == ("failed", "model: three heads is one too many") for row in failed)
    assert "FAILED (model: three heads is one too many)" in printed
    done = [float(row["value"]) for row in rows if row["state"] == "complete"]
    assert done == sorted(done, reverse=True)
    assert Path("s/sweep.png").stat().st_size > 5000
