"""A run, from a resolved config to ``result.json``: here where one process trains, else in processes started here."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from suite.training.callbacks.signals import Interrupted
from suite.training.run import directory
from suite.training.run import resume as resuming
from suite.training.run.cluster import Cluster, requeue, start
from suite.training.run.lock import locked
from suite.training.run.process import prepare, record, run


def launch(config: dict[str, Any]) -> Path:
    """Train, evaluate and record one run; returns its directory.

    ``config`` is resolved and plain: it was composed once, in this process, and every process of the run reads it from
    the run directory, which this process alone makes. Everything that can be refused cheaply is refused before; caches
    are filled before too, so that workers find them. An error later leaves the directory with what was written so far.

    Raises UserError for what the user can put right, Interrupted where a signal ended the run, saved.
    """
    cluster = Cluster.of(config)
    if cluster.node > 0:  # the first node makes the directory; no worker starts before all nodes have met
        run_dir = _named(config, cluster)
        start(cluster, run_dir, config.get("resume") or ("auto_or_new" if cluster.job else None))
        return run_dir
    wanted = str(_named(config, cluster)) if cluster.job else config["run_dir"]
    resume = config.get("resume") or ("auto_or_new" if cluster.job else None)  # a job that was requeued goes on
    with ExitStack() as locks:
        resumed = _find(config, resume, wanted, locks)
        data, module = prepare(config)
        run_dir = resumed or _create(config, resume, wanted, locks)
        record(run_dir, config, data, resumed is not None)
        resume = resume if resumed else None
        try:
            if cluster.world == 1 and config["trainer"].get("strategy", "auto") == "auto":
                run(config, run_dir, data, module, resume)
            else:
                del data, module
                start(cluster, run_dir, resume)
        except Interrupted as stopped:
            stopped.run_dir = run_dir
            if stopped.requeues:
                requeue(cluster)
            raise
    return run_dir


def _find(config: dict[str, Any], resume: str | None, wanted: str | None, locks: ExitStack) -> Path | None:
    """Return the run to resume, locked, or None. Raises UserError if another process trains in it."""
    if wanted and resume == "auto_or_new":  # locked before the search: of two jobs that start at once, one finds none
        locks.enter_context(locked(directory.make(wanted)))
    resumed = resuming.find(resume, wanted, config["task_name"])
    if resumed is None:
        return None
    if not (wanted and resume == "auto_or_new"):
        locks.enter_context(locked(resumed))
        resuming.check_unfinished(resumed)  # it may have ended since the search
    resuming.check_same(resumed, config)
    return resumed


def _create(config: dict[str, Any], resume: str | None, wanted: str | None, locks: ExitStack) -> Path:
    """Return the directory of a new run, locked."""
    run_dir = directory.create(wanted, config["task_name"], reuse=resume == "auto_or_new")
    if not (wanted and resume == "auto_or_new"):
        locks.enter_context(locked(run_dir))
    return run_dir


def _named(config: dict[str, Any], cluster: Cluster) -> Path:
    """The directory of a run on several nodes, or of a scheduler's job, which is the same after a requeue."""
    return Path(config["run_dir"] or Path("runs") / config["task_name"] / f"slurm-{cluster.job}")
