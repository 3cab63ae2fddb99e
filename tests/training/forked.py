"""Runs in processes of their own, forked: what they import is there already, and killing them harms nobody."""

import csv
import json
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from suite.training.callbacks.signals import Interrupted
from suite.training.config import RunConfig
from suite.training.run import directory
from suite.training.run import process as running
from suite.training.run import resume as resuming

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


FORK = multiprocessing.get_context("fork")
Process = Any


def start(function: Callable[..., object], *arguments: Any, environment: dict[str, str] | None = None) -> Process:
    """Call ``function`` in a forked process; an exit code of signals is passed on as ``attn`` would."""

    def child() -> None:
        os.environ.update(environment or {})
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
        try:
            function(*arguments)
        except Interrupted as stopped:
            os._exit(stopped.code)
        os._exit(0)

    process = FORK.Process(target=child)
    process.start()
    return process


def join(processes: Sequence[Process], seconds: float = 240.0) -> list[int]:
    """Their exit codes, a negative one for a signal."""
    end = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
        assert process.exitcode is not None, "still running"
    return [process.exitcode for process in processes]


def alive(process: Process) -> bool:
    """Return True. Raises AssertionError if the process has ended: a condition of ``wait_until`` then ends at once."""
    assert process.is_alive(), f"the process ended with code {process.exitcode}"
    return True


def cpu_seconds(process: Process) -> float:
    """The processor time that a process has taken, in seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ranks(function: Callable[..., object], *arguments: Any, world: int = 2) -> list[Process]:
    """Start ``world`` processes as the elastic agent would."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    common |= {"WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "GROUP_RANK": "0"}
    return [
        start(function, *arguments, environment={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(world)
    ]


def begin(config: dict[str, Any], run_dir: Path) -> Path:
    """The directory of a run with its config and provenance, as the parent leaves it for workers."""
    data, _ = running.prepare(RunConfig.parse(config))
    path = directory.create(str(run_dir), config["task_name"])
    running.record(path, RunConfig.parse(config), data, None)
    return path


def work(
    config: dict[str, Any], run_dir: Path, resume: str | None = None, kill_at: int | None = None, rank: int = 0
) -> None:
    """A worker's part of a run; process ``rank`` is killed at its ``kill_at``-th event, at any of ``_kill_at``."""
    if kill_at is not None and rank == int(os.environ.get("RANK", "0")):
        _kill_at(kill_at)
    torch.set_num_threads(1)
    settings = RunConfig.parse(config)
    saved = resuming.saved(run_dir, resume) if resume else None
    running.run(settings, run_dir, *running.prepare(settings, saved), saved)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _kill_at(number: int) -> None:
    """Count where a batch begins and ends, where an optimiser steps, where metrics are reported."""
    from suite.training.base_task_module import BaseTaskModule
    from suite.training.callbacks.checkpoints import Checkpoints
    from suite.training.callbacks.guards import StopOnNonFinite

    events = 0

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal events
            events += 1
            if events == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments)

        return call

    for owner, name in (
        (Checkpoints, "on_train_batch_start"),
        (Checkpoints, "on_train_batch_end"),
        (StopOnNonFinite, "on_before_optimizer_step"),
        (BaseTaskModule, "report"),
    ):
        setattr(owner, name, watched(getattr(owner, name)))


def left(run_dir: Path) -> dict[str, Any]:
    """All that a run left and that must not depend on where it was interrupted."""
    result = json.loads((run_dir / "result.json").read_text())
    kept = {key: value for key, value in result.items() if key not in ("fit_seconds", "run_dir")}
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    states = {
        name: torch.load(run_dir / "checkpoints" / name, weights_only=True)["state_dict"]
        for name in ("last.ckpt", "best.ckpt")
    }
    return {"result": kept, "metrics": rows, "states": states}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal to the bit."""
    assert one["result"] == other["result"]
    assert one["metrics"] == other["metrics"]
    for name, state in one["states"].items():
        assert state.keys() == other["states"][name].keys()
        for key, tensor in state.items():
            assert torch.equal(tensor, other["states"][name][key]), (name, key)


def resumed(config: dict[str, Any], run_dir: Path, kills: list[int], world: int = 1) -> dict[str, Any]:
    """What a run leaves that is killed at each of ``kills`` events after it began or went on."""
    begin(config, run_dir)
    for kill in [*kills, None]:
        saved = (run_dir / "checkpoints").exists() and any((run_dir / "checkpoints").glob("[lp]*.ckpt"))
        arguments = (config, run_dir, str(run_dir) if saved else None, kill)
        (code,) = join([start(work, *arguments)])
        if code == 0:
            break
        assert code == -9
    return left(run_dir)


def together(config: dict[str, Any], run_dir: Path, **kill: Any) -> list[int]:
    """Run with two processes, or go on where there is a checkpoint; their exit codes."""
    if not run_dir.exists():
        begin(config, run_dir)
    resume = str(run_dir) if any(run_dir.glob("checkpoints/*.ckpt")) else None
    return join(ranks(work, config, run_dir, resume, *kill.values()))


def children() -> set[str]:
    """Process ids of this process's children; those that another test's multiprocessing keeps are not ours to count."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def orphans(run_dir: Path) -> list[str]:
    """Workers of this run that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_text().split("\0")
        except OSError:
            continue
        if any("suite.training.run.worker" in word for word in words) and str(run_dir) in words:
            found.append(process.parent.name)
    return found
