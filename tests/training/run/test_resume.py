"""A run that was killed and goes on is the run that was not."""

import random
from pathlib import Path
from typing import Any

import pytest

from suite.config.compose import compose
from tests.training import forked

TASKS = {
    "graph": ["task=graph", "data=graph/synthetic", "trainer.max_steps=57", "module.passes=7"],
    "documents": ["task=documents", "data=documents/synthetic", "trainer.max_epochs=4", "data.batch_size=7"],
    "recommender": ["task=recommender", "data=recommender/synthetic", "trainer.max_epochs=4", "data.positions=128"],
    "speech": [
        "task=speech",
        "data=speech/synthetic",
        "trainer.max_epochs=3",
        "module.search.beam=1",
        "data.num_utterances=30",
        "data.batch_frames=200",
    ],
    "oct": ["task=oct", "data=oct/synthetic", "trainer.max_epochs=3", "data.batch_size=5", "data.num_scans=40"],
}


def resumed(config: dict[str, Any], run_dir: Path, kills: list[int], world: int = 1) -> dict[str, Any]:
    """What a run leaves that is killed at each of ``kills`` events after it began or went on."""
    forked.begin(config, run_dir)
    for kill in [*kills, None]:
        saved = (run_dir / "checkpoints").exists() and any((run_dir / "checkpoints").glob("[lp]*.ckpt"))
        arguments = (config, run_dir, str(run_dir) if saved else None, kill)
        (code,) = forked.join([forked.start(forked.work, *arguments)])
        if code == 0:
            break
        assert code == -9
    return forked.left(run_dir)


def check(task: str, kills: int, folder: Path) -> None:
    rng = random.Random(task)
    for number in range(kills):
        config = compose([*TASKS[task], f"seed={number % 3}"])
        whole = folder / f"whole-{number % 3}"
        if not whole.exists():
            resumed(config, whole, [])
        every = {"every_seconds": None, "every_steps": rng.randint(1, 9)}
        events = [rng.randint(5, 60), *([rng.randint(1, 20)] if number % 4 == 3 else [])]
        again = resumed({**config, "checkpoints": every}, folder / f"{number}", events)
        forked.assert_same(again, forked.left(whole))


@pytest.mark.parametrize("task", TASKS)
def test_killed_runs_go_on_to_the_same_bits(task: str, tmp_path: Path) -> None:
    check(task, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_twenty_killed_runs_go_on_to_the_same_bits(task: str, tmp_path: Path) -> None:
    check(task, 20, tmp_path)
