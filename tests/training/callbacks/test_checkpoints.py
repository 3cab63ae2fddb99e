"""When a run is saved."""

import time
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.callbacks.checkpoints import Checkpoints, VerifiedCheckpointIO
from suite.training.callbacks.signals import StopSignals
from suite.training.run.launch import launch
from suite.training.state import checkpoint_file

SMALL = ["task=documents", "data=documents/synthetic", "trainer.max_steps=7", "data.batch_size=7"]


@pytest.mark.parametrize(
    ("seconds", "steps", "waited", "step", "due"),
    [
        (None, None, 1e6, 10**6, False),
        (30.0, None, 29.0, 10**6, False),
        (30.0, None, 31.0, 0, True),
        (None, 5, 1e6, 4, False),
        (None, 5, 0.0, 5, True),
        (30.0, 5, 31.0, 1, True),
    ],
)
def test_a_checkpoint_is_due_after_seconds_or_steps(
    seconds: float | None, steps: int | None, waited: float, step: int, due: bool
) -> None:
    callback = Checkpoints(Path(), StopSignals(), 1, seconds, steps)
    callback._last_time = time.monotonic() - waited
    assert callback._due(step) is due


def test_a_run_leaves_the_last_the_previous_and_the_best(tmp_path: Path) -> None:
    run = launch(compose([*SMALL, "checkpoints.every_steps=3", f"run_dir={tmp_path / 'run'}"]))
    folder = run / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt", "previous.ckpt"]
    last, previous, best = (checkpoint_file.load(folder / name) for name in ("last.ckpt", "previous.ckpt", "best.ckpt"))
    assert last["global_step"] == 7
    assert previous["global_step"] <= 7
    assert set(best) == {*checkpoint_file.IDENTITY, checkpoint_file.SAMPLES, "state_dict", "metrics"}
    assert "hyper_parameters" not in last
    assert last["config"]["seed"] == 1


def test_a_checkpoint_that_was_read_is_not_read_again(tmp_path: Path) -> None:
    path, content = tmp_path / "a.ckpt", {"weights": 1}
    assert VerifiedCheckpointIO((path, content)).load_checkpoint(path) is content
