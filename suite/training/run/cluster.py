"""The processes and nodes of a run, which torch's elastic agent starts and monitors."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import UserError
from suite.processes import python_arguments
from suite.training.callbacks.signals import Interrupted
from suite.training.config import RunConfig

log = logging.getLogger(__name__)
VALUES = "SUITE_RUN_VALUES"  # overrides for the workers, as JSON; only processes of the same user can read it
SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"


class Cluster(NamedTuple):
    """The processes and nodes of a run, and which node this is.

    Args:
        processes: number of processes on each node.
        nodes: number of nodes.
        node: number of this node.
        endpoint: HOST:PORT of the rendezvous of several nodes.
        job: id of the scheduler's job.
        timeout: seconds to wait for the other nodes.
    """

    processes: int
    nodes: int
    node: int
    endpoint: str | None
    job: str | None
    timeout: int

    @classmethod
    def of(cls, config: RunConfig, environment: Mapping[str, str] = os.environ) -> "Cluster":
        """Return the cluster of a config; under SLURM, of the environment that ``srun`` sets.

        Raises UserError if the nodes lack an endpoint, a number or a common directory.
        """
        processes, nodes = _processes(config.trainer), config.trainer["num_nodes"]
        node, endpoint, job = config.cluster.node, config.cluster.endpoint, None
        if config.cluster.slurm:
            nodes, node, endpoint, job = _slurm(environment)
        if nodes > 1 and endpoint is None:
            raise UserError(
                f"trainer.num_nodes={nodes} needs cluster.endpoint=HOST:PORT, the address of the first node, "
                "the same on each node"
            )
        if not 0 <= node < nodes:
            raise UserError(f"cluster.node must be from 0 to {nodes - 1} and differ between nodes, got {node}")
        if nodes > 1 and not config.run_dir and job is None:
            raise UserError(
                f"trainer.num_nodes={nodes} needs run_dir=DIR, a new directory that all nodes have access to"
            )
        return cls(processes, nodes, node, endpoint, job, config.cluster.timeout)

    @property
    def world(self) -> int:
        """Number of processes on all nodes."""
        return self.processes * self.nodes


def start(cluster: Cluster, run_dir: Path, resume: str | None, values: Sequence[str] = ()) -> None:
    """Run ``suite.training.run.worker`` in each process of this node, and wait for them.

    Args:
        cluster: the processes and nodes.
        run_dir: directory of the run, with its config.
        resume: run or checkpoint to resume from; None starts from the beginning.
        values: overrides of the recorded config, for what it does not hold: secrets, and classes that only a user may
            name.

    Raises:
        UserError: with the message of the first worker that failed, and if the nodes do not meet.
        Interrupted: if a signal ended the workers.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from suite.training.run import loopback

    loopback.register()
    for name in logging.root.manager.loggerDict:  # torch sets the level of each module's logger
        if name.startswith("torch.distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the error is reported once, below
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # a new store for each start: gloo needs fresh keys
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(max(1, _cores() // cluster.processes))
    alone = cluster.nodes == 1
    settings = LaunchConfig(
        min_nodes=cluster.nodes,
        max_nodes=cluster.nodes,
        nproc_per_node=cluster.processes,
        run_id=cluster.job or str(run_dir.name),
        rdzv_backend=loopback.BACKEND if alone else "c10d",
        rdzv_endpoint="" if alone else str(cluster.endpoint),
        rdzv_configs={"timeout": cluster.timeout, "is_host": cluster.node == 0},
        local_addr=loopback.ADDRESS if alone else None,
        max_restarts=0,
        signals_to_handle=SIGNALS,
        shutdown_timeout=15,
    )
    worker = python_arguments("suite.training.run.worker", str(run_dir), resume or "")
    try:
        with loopback.interface() if alone else nullcontext(), _environment(VALUES, json.dumps(list(values))):
            elastic_launch(settings, sys.executable)(*worker)
    except SignalException as stopped:
        raise Interrupted(int(stopped.sigval)) from None
    except ChildFailedError as failed:
        _raise_reason(failed)
    except RendezvousError as error:
        raise UserError(
            f"the {cluster.nodes} nodes did not meet at {settings.rdzv_endpoint} within {cluster.timeout} s: {error}"
        ) from error


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)


def requeue(cluster: Cluster) -> None:
    """Requeue the SLURM job; with resume=auto_or_new it resumes from its last checkpoint."""
    job = cluster.job or os.environ.get("SLURM_JOB_ID")
    if job is None or cluster.node:
        return
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except OSError as error:
        log.warning("the run was saved, but the job was not requeued: scontrol: %s", error.strerror)
        return
    if done.returncode:
        log.warning("the run was saved, but the job was not requeued: scontrol: %s", done.stderr.strip())


def _raise_reason(failed: Any) -> None:
    """Raise the error of the first worker that failed."""
    _, failure = failed.get_first_failure()
    if failure.exitcode > 128:
        raise Interrupted(failure.exitcode - 128) from None
    message = failure.message.get("message", "") if isinstance(failure.message, dict) else ""
    if failure.exitcode == 2 and message:
        raise UserError(message.removeprefix("UserError: ")) from None
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        raise UserError(
            f"process {failure.global_rank} was killed by {name}; resume=auto resumes from the last checkpoint"
        )
    raise failed


def _processes(trainer: Mapping[str, Any]) -> int:
    devices = trainer.get("devices", 1)
    if isinstance(devices, list):
        return len(devices)
    if isinstance(devices, int) and devices > 0:
        return devices
    if devices in ("auto", -1, "-1"):
        import torch

        return max(1, torch.cuda.device_count()) if trainer.get("accelerator") != "cpu" else 1
    raise UserError(f"trainer.devices must be a positive number, a list of devices or auto, got {devices}")


def _slurm(environment: Mapping[str, str]) -> tuple[int, int, str | None, str]:
    """Return the number of nodes, the number of this node, the endpoint, and the job."""
    if "SLURM_JOB_ID" not in environment:
        raise UserError("trainer=slurm needs a SLURM job: sbatch or srun attn train ..., one task on each node")
    job, nodes = environment["SLURM_JOB_ID"], int(environment.get("SLURM_NNODES", "1"))
    tasks = int(environment.get("SLURM_NTASKS", str(nodes)))
    if tasks != nodes:
        raise UserError(
            f"srun started {tasks} tasks on {nodes} nodes; start one task on each node (--ntasks-per-node=1), "
            "which starts trainer.devices processes"
        )
    if nodes == 1:
        return 1, 0, None, job
    listed = environment["SLURM_JOB_NODELIST"]
    hosts = subprocess.run(["scontrol", "show", "hostnames", listed], capture_output=True, text=True, check=True)  # noqa: S603, S607
    port = 20_000 + int(job) % 20_000  # differs between jobs of a node
    return nodes, int(environment["SLURM_NODEID"]), f"{hosts.stdout.split()[0]}:{port}", job


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
