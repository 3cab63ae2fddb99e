"""A run that was killed and goes on is the run that was not."""

import random
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.resume import FREE
from tests.training import forked
from tests.training.forked import TASKS, resumed


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


def test_what_a_resumed_run_may_change_is_a_key_of_the_config() -> None:
    config = compose(TASKS["documents"])
    assert set(FREE) <= {*config, "predict"}
