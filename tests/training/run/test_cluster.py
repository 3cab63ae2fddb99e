"""Processes and nodes of a run."""

import json
import os
import socket
from pathlib import Path

import pytest

from suite.cli.main import main
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.run.cluster import Cluster
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.forked import TASKS

SMALL = TASKS["documents"]


def command(*words: str) -> None:
    os._exit(main(["train", *words]))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
        return port


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
