"""Ctrl-C, SIGTERM and the warning of SLURM: saved at the end of the batch, with the right exit code."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.cli.main import main
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.waiting import wait_until

ENDLESS = ["task=documents", "data=documents/synthetic", "trainer.max_epochs=100000", "data.batch_size=7"]


def command(*words: str) -> None:
    """``attn`` with these words, its exit code that of the process."""
    os._exit(main(list(words)))


def begun(
    run_dir: Path, *more: str, environment: dict[str, str] | None = None, start: Callable[..., None] = command
) -> forked.Process:
    """A process in the middle of training."""
    words = ("train", *ENDLESS, f"run_dir={run_dir}", "checkpoints.every_steps=3", *more)
    process = forked.start(start, *words, environment=environment)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/last.ckpt").exists(), 120)
    return process


def pending(process: forked.Process, number: int) -> bool:
    """Whether a signal was sent to the process and has not been handled yet."""
    lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return bool((int(lines["SigPnd"], 16) | int(lines["ShdPnd"], 16)) >> (number - 1) & 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_at_the_end_of_the_batch_and_sets_the_exit_code(
    number: int, code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process = begun(tmp_path / "run", "checkpoints.every_steps=1000000", "checkpoints.every_seconds=0.5")
    saved = checkpoint_file.load(tmp_path / "run/checkpoints/last.ckpt")["global_step"]
    before = forked.cpu_seconds(process)
    wait_until(lambda: forked.cpu_seconds(process) > before + 0.2, 30)  # some steps further
    started = time.monotonic()
    os.kill(process.pid, number)
    assert forked.join([process]) == [code]
    assert time.monotonic() - started < 10
    assert checkpoint_file.load(tmp_path / "run/checkpoints/last.ckpt")["global_step"] > saved
    assert f"attn: stopped by {signal.Signals(number).name}; resume with: attn train resume=" in capfd.readouterr().err
    assert not list((tmp_path / "run").rglob(".*.tmp-*"))


def test_a_second_ctrl_c_leaves_the_previous_checkpoint_intact(tmp_path: Path) -> None:
    process = begun(tmp_path / "run")
    os.kill(process.pid, signal.SIGINT)
    wait_until(lambda: not pending(process, signal.SIGINT), 10)
    os.kill(process.pid, signal.SIGINT)
    assert forked.join([process]) == [130]
    path, content = checkpoint_file.recover(tmp_path / "run/checkpoints")
    assert content["state_dict"]
    checkpoint_file.load(path)


def test_slurms_warning_saves_and_requeues_and_the_job_goes_on(tmp_path: Path) -> None:
    """With a scontrol that writes its arguments to a file."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/scontrol"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\n')
    fake.chmod(0o755)
    job = {"SLURM_JOB_ID": "42", "SLURM_NNODES": "1", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    slurm = ("cluster=slurm",)
    process = begun(tmp_path / "run", *slurm, environment=job)
    os.kill(process.pid, signal.SIGUSR1)
    assert forked.join([process]) == [138]
    assert (tmp_path / "arguments").read_text() == "requeue 42\n"
    step = checkpoint_file.recover(tmp_path / "run/checkpoints")[1]["global_step"]
    again = forked.start(
        command, "train", *ENDLESS[:2], *slurm, "data.batch_size=7", f"run_dir={tmp_path / 'run'}",
        f"trainer.max_steps={step + 5}", "trainer.max_epochs=100000", environment=job,
    )  # fmt: skip
    assert forked.join([again]) == [0]
    assert checkpoint_file.recover(tmp_path / "run/checkpoints")[1]["global_step"] == step + 5
