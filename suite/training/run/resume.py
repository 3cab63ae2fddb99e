"""Which run is resumed: found by name, path or time, and compared with the config of now, key by key."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.config.record_files import check_links, read_yaml
from suite.config.secrets import mask
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.state import checkpoint_file

if TYPE_CHECKING:
    from suite.data.module import TaskData

logger = logging.getLogger(__name__)

# Keys that a resumed run may change.
FREE_OF_RUN = ("resume", "run_dir", "allow_changes", "threads", "prefetch", "resident", "cluster")
FREE = (*FREE_OF_RUN, "logger", "callbacks", "checkpoints", "predict")
FREE_OF_PLACE = ("accelerator", "devices", "num_nodes", "strategy", "inference_mode")
FREE_OF_TRAINER = ("max_epochs", "max_steps", "max_time", *FREE_OF_PLACE)
Saved = tuple[Path, dict[str, Any]]  # path and content of a checkpoint
UNKNOWN = "resume={resume} is not a run directory, a checkpoint, or the name of a run below {root}/"


def find(resume: str | None, run_dir: str | None, task: str, root: str = "runs") -> Path | None:
    """Return the directory of the run to resume, or None for a new run.

    Args:
        resume: ``auto`` is the run in ``run_dir``, or the newest unfinished run of the task; ``auto_or_new`` the same,
            or a new run if there is none. Otherwise a run directory, a checkpoint, or the name of a run. None starts a
            new run.
        run_dir: directory of the run; None searches all runs of the task.
        task: name of the task.
        root: directory of all runs.

    Raises:
        UserError: if there is no such run, or it has ended.
    """
    if resume is None:
        return None
    if resume in ("auto", "auto_or_new"):
        found = _unfinished(Path(run_dir)) if run_dir else next(_newest(Path(root) / task), None)
        if found is None and resume == "auto":
            where = run_dir or f"{root}/{task}/"
            raise UserError(
                f"resume=auto finds no unfinished run with a checkpoint in {where}; leave resume out to start one, "
                "or set resume=auto_or_new"
            )
        return found
    return named(resume, root)


def named(resume: str, root: str = "runs") -> Path:
    """Return the run directory of a path or name. Raises UserError if there is none, and for a run that has ended."""
    path = Path(resume)
    matches = [path] if path.exists() else sorted(Path(root).glob(f"*/{resume}"))
    if path.suffix == ".ckpt":
        if not path.is_file():
            raise UserError(f"no checkpoint at {resume}; pass resume=RUN_DIR or resume=auto")
        matches = [path.parent.parent]
    if len(matches) != 1 or not (matches[0] / "config.yaml").is_file():
        raise UserError(UNKNOWN.format(resume=resume, root=root))
    check_unfinished(matches[0])
    return matches[0]


def check_unfinished(run_dir: Path) -> None:
    """Raise UserError if the run has ended."""
    if (run_dir / "result.json").exists():
        raise UserError(f"the run in {run_dir} has ended and has its result.json; start a new run")


def saved(run_dir: Path, resume: str | None) -> Saved:
    """Return path and content of the checkpoint to resume from: the one that ``resume`` names, or the newest undamaged.

    Raises UserError if there is none, and for a checkpoint without the state of training, as ``best.ckpt`` is.
    """
    path = Path(resume or "")
    matches = path.suffix == ".ckpt"
    found = (path, checkpoint_file.load(path)) if matches else checkpoint_file.recover(run_dir / "checkpoints")
    if "position" not in found[1]:
        raise UserError(
            f"{found[0]} has the weights only; resume from {run_dir / 'checkpoints' / checkpoint_file.LAST}"
        )
    return found


def recorded(run_dir: Path) -> dict[str, Any]:
    """Return the config of a run."""
    check_links(run_dir)
    return read_yaml(run_dir / "config.yaml")


def check_same(run_dir: Path, config: dict[str, Any]) -> None:
    """Raise UserError with the first keys that differ, if ``config`` is not that of the run in ``run_dir``."""
    before, masked = recorded(run_dir), mask(config)
    changed = [
        f"{key} is {now} here and {then} in the run" for key, then, now in _differences(_bound(before), _bound(masked))
    ]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"the run in {run_dir} cannot resume with another config: {'; '.join(changed[:3])}{more}. "
            "Leave these keys out, or start a new run"
        )


def changes(saved: Saved, config: RunConfig, data: "TaskData") -> list[str]:
    """Return how config and data of now differ from those of a checkpoint, one sentence for each difference."""
    found = [
        f"{key} is {now} here and {then} in the checkpoint"
        for key, then, now in _differences(_bound(mask(saved[1]["config"])), _bound(mask(config.source)))
    ]
    record = checkpoint_file.sample_record(saved)
    if record is not None and (different := record.changes(data.samples)):
        found.append(f"data: {different}")
    return found


def restore_data(saved: Saved, config: RunConfig, data: "TaskData") -> dict[str, Any]:
    """Return the facts that the module is built from, and give the data the split of the checkpoint if they changed.

    Raises UserError if config or data differ from those of the checkpoint, unless ``config.allow_changes``.
    """
    found = changes(saved, config, data)
    if not found:
        return data.facts()
    if not config.allow_changes:
        raise UserError(
            f"{saved[0]} was written with other data or another config: {'; '.join(found[:3])}. Restore them, start a "
            "new run, or pass allow_changes=true: each sample keeps its split, new samples are in none, and the result "
            "is marked"
        )
    logger.warning("%s is resumed with changes: %s", saved[0].parent.parent, "; ".join(found))
    record, facts = checkpoint_file.sample_record(saved), saved[1]["facts"]
    if record is not None and record.changes(data.samples):
        data.restore(record, facts)
    return dict(facts)


def _bound(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that the results of a run depend on."""
    bound = {key: value for key, value in config.items() if key not in FREE}
    trainer = config.get("trainer", {})
    return {**bound, "trainer": {key: value for key, value in trainer.items() if key not in FREE_OF_TRAINER}}


def _differences(then: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif then != now:
        yield place, then, now


def _newest(folder: Path) -> Iterator[Path]:
    """Yield unfinished runs, the newest first."""
    runs = [path for path in folder.glob("*") if _unfinished(path)] if folder.is_dir() else []
    yield from sorted(runs, key=lambda path: (path / "config.yaml").stat().st_mtime, reverse=True)


def _unfinished(path: Path) -> Path | None:
    """Return ``path`` if it is a run that can be resumed, otherwise None."""
    checkpoints = path / "checkpoints"
    saved_once = any((checkpoints / name).is_file() for name in (checkpoint_file.LAST, checkpoint_file.PREVIOUS))
    return path if (path / "config.yaml").is_file() and saved_once and not (path / "result.json").exists() else None
