"""A run, from a resolved config to ``result.json``, in this process or in several that it starts."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from suite.config.secrets import masked_values
from suite.training.callbacks.signals import Interrupted
from suite.training.config import RunConfig
from suite.training.run import directory
from suite.training.run import resume as resuming
from suite.training.run.cluster import Cluster, requeue, start
from suite.training.run.lock import locked
from suite.training.run.process import prepare, record, run
from suite.training.trusted import beyond_the_rule


def launch(config: dict[str, Any]) -> Path:
    """Train, evaluate and record one run; return its directory.

    This process alone makes the run directory; the other processes of the run read the config from it. Config and data
    are checked, and caches are filled, before the directory is made. An error after that leaves the directory with what
    was written so far.

    Args:
        config: resolved and plain, as ``suite.compose`` returns it.

    Raises:
        UserError: for a wrong config, and for data or a directory that cannot be used.
        Interrupted: if a signal ended the run, after it was saved.
    """
    settings = RunConfig.parse(config)
    cluster = Cluster.of(settings)
    resume = settings.resume or ("auto_or_new" if cluster.job else None)  # a requeued job resumes
    if cluster.node > 0:  # the first node makes the directory; no worker starts before all nodes have met
        run_dir = _shared_dir(settings, cluster)
        start(cluster, run_dir, resume, _values(config))
        return run_dir
    wanted = str(_shared_dir(settings, cluster)) if cluster.job else settings.run_dir
    with ExitStack() as locks:
        resumed = _find(settings, resume, wanted, locks)
        saved = resuming.saved(resumed, resume) if resumed else None
        data, module = prepare(settings, saved)
        run_dir = resumed or _create(settings, resume, wanted, locks)
        record(run_dir, settings, data, saved)
        try:
            if cluster.world == 1 and settings.trainer.get("strategy", "auto") == "auto":
                run(settings, run_dir, data, module, saved)
            else:
                del data, module, saved
                start(cluster, run_dir, resume if resumed else None, _values(config))
        except Interrupted as stopped:
            stopped.run_dir = run_dir
            if stopped.requeues:
                requeue(cluster)
            raise
    return run_dir


def _find(config: RunConfig, resume: str | None, wanted: str | None, locks: ExitStack) -> Path | None:
    """Return the run to resume, locked, or None. Raises UserError if another process trains in it."""
    if wanted and resume == "auto_or_new":  # locked before the search: of two jobs that start at once, one finds none
        locks.enter_context(locked(directory.make(wanted)))
    resumed = resuming.find(resume, wanted, config.task_name)
    if resumed is None:
        return None
    if not (wanted and resume == "auto_or_new"):
        locks.enter_context(locked(resumed))
        resuming.check_unfinished(resumed)  # it may have ended since the search
    if not config.allow_changes:
        resuming.check_same(resumed, config.source)
    return resumed


def _create(config: RunConfig, resume: str | None, wanted: str | None, locks: ExitStack) -> Path:
    """Return the directory of a new run, locked."""
    run_dir = directory.create(wanted, config.task_name, reuse=resume == "auto_or_new")
    if not (wanted and resume == "auto_or_new"):
        locks.enter_context(locked(run_dir))
    return run_dir


def _values(config: dict[str, Any]) -> list[str]:
    """What the workers need and the run directory does not hold: secrets, and classes that only a user may name."""
    return [*beyond_the_rule(config), *masked_values(config)]


def _shared_dir(config: RunConfig, cluster: Cluster) -> Path:
    """Return the directory of a run on several nodes, or of a SLURM job, which is the same after a requeue."""
    return Path(config.run_dir or Path("runs") / config.task_name / f"slurm-{cluster.job}")
