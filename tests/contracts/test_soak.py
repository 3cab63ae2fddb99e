"""Many runs in one process leave nothing behind."""

import gc
import os
import sys
import threading
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.training.forked import children

SMALL = ["task=graph", "data=graph/synthetic", "debug=one_pass"]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def memory() -> int:
    """Resident pages of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1])


def soak(runs: int, warm: int, folder: Path) -> float:
    """Growth of this process's memory over ``runs`` runs, as a share, once ``warm`` of them filled the caches."""
    before = handles = threads = 0
    strangers = children()
    for number in range(warm + runs):
        if number == warm:
            gc.collect()
            before, threads, handles = memory(), threading.active_count(), len(os.listdir("/proc/self/fd"))
        launch(compose([*SMALL, f"run_dir={folder / str(number)}"]))
    gc.collect()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert children() <= strangers
    return memory() / before - 1.0


def test_a_few_runs_leave_no_thread_handle_or_child(tmp_path: Path) -> None:
    assert soak(4, 2, tmp_path) < 0.05


@pytest.mark.slow
def test_two_hundred_runs_grow_less_than_five_per_cent(tmp_path: Path) -> None:
    growth = soak(200, 10, tmp_path)
    print(f"200 runs, memory grew by {growth:.2%}, process {os.getpid()}")
    assert growth < 0.05
