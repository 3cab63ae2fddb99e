"""Which run goes on, and whether it may: found by name or time, compared key by key with what is asked for now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from suite.errors import UserError
from suite.training.state import checkpoint_file

FREE_OF_RUN = ("resume", "run_dir", "threads", "prefetch", "resident", "cluster")  # may differ, as may
FREE = (*FREE_OF_RUN, "logger", "callbacks", "checkpoints", "predict")
FREE_OF_PLACE = ("accelerator", "devices", "num_nodes", "strategy", "inference_mode")
FREE_OF_TRAINER = ("max_epochs", "max_steps", "max_time", *FREE_OF_PLACE)
UNKNOWN = "resume={resume} is neither a run directory, nor a checkpoint, nor the name of a run under {root}/"


def find(resume: str | None, run_dir: str | None, task: str, root: str = "runs") -> Path | None:
    """The directory of the run that goes on, or None for a new one.

    ``auto`` takes ``run_dir``, or the newest run of the task that was not finished; ``auto_or_new`` begins a new one
    where there is none. Otherwise ``resume`` is a run directory, one of its checkpoints, or the name of a run. Raises
    UserError where nothing fits: nothing starts over in silence.
    """
    if resume is None:
        return None
    if resume in ("auto", "auto_or_new"):
        found = _unfinished(Path(run_dir)) if run_dir else next(_newest(Path(root) / task), None)
        if found is None and resume == "auto":
            where = run_dir or f"{root}/{task}/"
            raise UserError(
                f"resume=auto finds no unfinished run with a checkpoint in {where}; leave resume out to start one, "
                "or say resume=auto_or_new"
            )
        return found
    return named(resume, root)


def named(resume: str, root: str = "runs") -> Path:
    """The run directory of a path or name; raises UserError for what is none, and for a run that has ended."""
    path = Path(resume)
    named_so = [path] if path.exists() else sorted(Path(root).glob(f"*/{resume}"))
    if path.suffix == ".ckpt":
        if not path.is_file():
            raise UserError(f"no checkpoint at {resume}; pass resume=RUN_DIR or resume=auto")
        named_so = [path.parent.parent]
    if len(named_so) != 1 or not (named_so[0] / "config.yaml").is_file():
        raise UserError(UNKNOWN.format(resume=resume, root=root))
    check_unfinished(named_so[0])
    return named_so[0]


def check_unfinished(run_dir: Path) -> None:
    """Raise UserError if the run has ended."""
    if (run_dir / "result.json").exists():
        raise UserError(f"the run in {run_dir} has ended and has its result.json; start a new run")


def saved(run_dir: Path, resume: str | None) -> tuple[Path, dict[str, Any]]:
    """The checkpoint to go on from: the one that ``resume`` names, else the newest good one. Raises UserError."""
    path = Path(resume or "")
    named_so = path.suffix == ".ckpt"
    found = (path, checkpoint_file.load(path)) if named_so else checkpoint_file.recover(run_dir / "checkpoints")
    if "position" not in found[1]:
        raise UserError(f"{found[0]} holds weights alone; resume from {run_dir / 'checkpoints' / checkpoint_file.LAST}")
    return found


def recorded(run_dir: Path) -> dict[str, Any]:
    """The config of a run."""
    config: dict[str, Any] = yaml.safe_load((run_dir / "config.yaml").read_text())
    return config


def check_same(run_dir: Path, config: dict[str, Any]) -> None:
    """Raise UserError, naming the first keys, where ``config`` would make another run of the one in ``run_dir``."""
    before = recorded(run_dir)
    changed = [
        f"{key} is {now} here and {then} in the run" for key, then, now in _differences(_bound(before), _bound(config))
    ]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"the run in {run_dir} cannot go on with another config: {'; '.join(changed[:3])}{more}. "
            "Leave these out, or start a new run"
        )


def _bound(config: dict[str, Any]) -> dict[str, Any]:
    """What decides about the numbers of a run."""
    kept = {key: value for key, value in config.items() if key not in FREE}
    trainer = config.get("trainer", {})
    return {**kept, "trainer": {key: value for key, value in trainer.items() if key not in FREE_OF_TRAINER}}


def _differences(then: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif then != now:
        yield place, then, now


def _newest(folder: Path) -> Iterator[Path]:
    """Unfinished runs, the newest first."""
    runs = [path for path in folder.glob("*") if _unfinished(path)] if folder.is_dir() else []
    yield from sorted(runs, key=lambda path: (path / "config.yaml").stat().st_mtime, reverse=True)


def _unfinished(path: Path) -> Path | None:
    """``path``, where it holds a run that can go on."""
    checkpoints = path / "checkpoints"
    saved_once = any((checkpoints / name).is_file() for name in (checkpoint_file.LAST, checkpoint_file.PREVIOUS))
    return path if (path / "config.yaml").is_file() and saved_once and not (path / "result.json").exists() else None
