"""The command that starts processes: torch's elastic agent, exit codes, several hosts, several runs at once."""

import json
import os
import signal
import socket
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import yaml

from suite.cli.main import main
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.run import directory
from suite.training.run.cluster import Cluster
from suite.training.run.launch import launch
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.run.test_resume import TASKS
from tests.waiting import wait_until

SMALL = TASKS["documents"]


def command(*words: str) -> None:
    os._exit(main(["train", *words]))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
        return port


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


SHARDED = ("trainer=fsdp", "trainer.accelerator=cpu")


@pytest.mark.parametrize("trainer", [("trainer=ddp_cpu",), pytest.param(SHARDED, marks=pytest.mark.slow)])
def test_attn_starts_processes_that_a_signal_saves_and_that_go_on(
    trainer: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One start of everything: parent, agent, two workers; SIGTERM in the middle, then resume=NAME to the end."""
    run_dir = tmp_path / "runs/documents/one"
    words = [*SMALL, *trainer, "trainer.max_epochs=100000", "checkpoints.every_steps=5", f"run_dir={run_dir}"]
    process = forked.start(command, *words)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/previous.ckpt").exists(), 200)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert forked.join([process]) == [143]
    assert time.monotonic() - started < 10
    assert not orphans(run_dir)
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    assert "stopped by SIGTERM; resume with" in told
    step = checkpoint_file.recover(run_dir / "checkpoints")[1]["global_step"]
    assert yaml.safe_load((run_dir / "config.yaml").read_text())["trainer"]["devices"] == 2
    again = compose([*words, f"trainer.max_steps={step + 3}"])
    assert forked.join(forked.ranks(forked.work, again, run_dir, str(run_dir))) == [0, 0]
    assert checkpoint_file.recover(run_dir / "checkpoints")[1]["global_step"] == step + 3


def test_a_run_goes_on_by_its_name_alone_and_is_finished_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_dir = tmp_path / "runs/documents/one"
    config = compose([*SMALL, "checkpoints.every_steps=2"])
    forked.begin(config, run_dir)
    assert forked.join([forked.start(forked.work, config, run_dir, None, 30)]) == [-9]
    assert forked.join([forked.start(command, "resume=one", "threads=1")]) == [0], capfd.readouterr().err
    assert "test/accuracy" in capfd.readouterr().out
    assert len(json.loads((run_dir / "provenance.json").read_text())["resumed"]) == 1
    with pytest.raises(UserError, match="has ended and has its result"):
        launch(compose([*SMALL, "resume=one"]))
    with pytest.raises(UserError, match="finds no unfinished run"):
        launch(compose([*SMALL, "resume=auto"]))


@pytest.mark.slow
def test_two_hosts_meet_and_train_one_model(tmp_path: Path) -> None:
    """Two agents with two workers each, on addresses of the loopback."""
    run_dir = tmp_path / "run"
    words = [*SMALL, "trainer=ddp_cpu", "trainer.num_nodes=2", f"run_dir={run_dir}"]
    words += [f"cluster.endpoint=127.0.0.1:{free_port()}", "cluster.timeout=200"]
    hosts = [forked.start(command, *words, f"cluster.node={node}") for node in (1, 0)]
    assert forked.join(hosts, 400) == [0, 0]
    assert json.loads((run_dir / "result.json").read_text())["test/accuracy"] >= 0
    assert len(checkpoint_file.recover(run_dir / "checkpoints")[1]["processes"]) == 4


@pytest.mark.slow
def test_twenty_starts_of_two_processes_end_clean(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        words = [*SMALL, "trainer=ddp_cpu", "debug=one_pass", f"run_dir={tmp_path / str(number)}"]
        assert forked.join([forked.start(command, *words)]) == [0], number
        assert not orphans(tmp_path / str(number))
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_killed_agent_takes_its_workers_along(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = forked.start(
        command,
        *SMALL,
        "trainer.max_epochs=100000",
        "trainer=ddp_cpu",
        "checkpoints.every_steps=5",
        f"run_dir={run_dir}",
    )
    wait_until(lambda: forked.alive(process) and len(orphans(run_dir)) == 2, 200)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/last.ckpt").exists(), 200)
    process.kill()
    process.join()
    wait_until(lambda: not orphans(run_dir), 10)


def make(task: str, root: Path, barrier: Barrier) -> None:
    barrier.wait()
    path = directory.create(None, task, str(root))
    (path / "mine").open("x").close()


def test_twenty_runs_started_at_one_instant_have_twenty_directories(tmp_path: Path) -> None:
    barrier = forked.FORK.Barrier(20)
    assert forked.join([forked.start(make, "graph", tmp_path, barrier) for _ in range(20)]) == [0] * 20
    made = list(tmp_path.glob("graph/*"))
    assert len(made) == 20
    assert all([entry.name for entry in path.iterdir()] == ["mine"] for path in made)


SLURM = {"SLURM_JOB_ID": "1234567", "SLURM_NNODES": "1", "SLURM_NTASKS": "1"}


def test_slurm_tells_nodes_number_and_where_they_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "scontrol"
    fake.write_text("#!/bin/sh\n[ \"$*\" = 'show hostnames n[3-4]' ] && printf 'n3\\nn4\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    config = RunConfig.parse(compose([*SMALL, "trainer=slurm", "trainer.devices=4"]))
    many = SLURM | {"SLURM_NNODES": "2", "SLURM_NTASKS": "2", "SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "n[3-4]"}
    found = Cluster.of(config, many)
    assert (found.nodes, found.node, found.endpoint, found.job) == (2, 1, "n3:34567", "1234567")
    assert found.world == 8
    assert Cluster.of(config, SLURM).nodes == 1
    with pytest.raises(UserError, match="start one task on each node"):
        Cluster.of(config, SLURM | {"SLURM_NTASKS": "4"})


@pytest.mark.parametrize(
    ("trainer", "processes_"),
    [
        ({"devices": 1}, 1),
        ({"devices": [3]}, 1),
        ({"devices": [0, 2]}, 2),
        ({"devices": "auto", "accelerator": "cpu"}, 1),
    ],
)
def test_devices_are_processes(trainer: dict[str, object], processes_: int) -> None:
    config = compose(SMALL)
    config["trainer"] |= trainer
    assert Cluster.of(RunConfig.parse(config)).world == processes_


def test_another_config_does_not_go_on_as_the_same_run(tmp_path: Path) -> None:
    config = compose([*SMALL, "checkpoints.every_steps=2"])
    forked.begin(config, tmp_path / "run")
    assert forked.join([forked.start(forked.work, config, tmp_path / "run", None, 30)]) == [-9]
    changed = compose([*SMALL, "optim.lr=0.5", "seed=3", "resume=auto", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(UserError, match=r"optim\.lr is 0\.5 here and 0\.002 in the run; seed is 3 here and 1"):
        launch(changed)
