"""The directory of a run: config, provenance, metrics, checkpoints, result."""

import json
import os
import platform
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from suite.errors import UserError

PACKAGES = ("attention-suite", "torch", "lightning", "torch-geometric", "hydra-core", "omegaconf", "numpy", "wandb")


def new(parent: Path) -> Path:
    """Make a directory ``parent/<UTC time>-<random suffix>`` that did not exist before, and return its path."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
        path = parent / f"{stamp}-{secrets.token_hex(3)}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path


def create(run_dir: str | None, task: str, root: str = "runs", reuse: bool = False) -> Path:
    """Make the directory of a new run; two runs that start at the same time never share one.

    Args:
        run_dir: the directory, which may exist but must not contain a run; None makes ``root/task/TIME-SUFFIX``.
        task: name of the task.
        root: directory of all runs.
        reuse: whether ``run_dir`` may contain a run that ended before its first checkpoint.

    Raises:
        UserError: if ``run_dir`` contains a run or cannot be written.
    """
    if run_dir is None:
        return new(Path(root) / task)
    path = Path(run_dir)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (path / "config.yaml").open("x"):  # exactly one process can create this file
            return path
    except FileExistsError as error:
        if reuse and path.is_dir() and not (path / "result.json").exists():
            return path
        kind = "already holds a run" if path.is_dir() else "is a file"
        raise UserError(
            f"run_dir={run_dir} {kind}; name another directory, or leave run_dir out to get a new one"
        ) from error
    except OSError as error:
        raise UserError(f"run_dir={run_dir} cannot be written: {error.strerror}; name another directory") from error


def make(run_dir: str) -> Path:
    """Make a directory that a run is resumed or started in. Raises UserError if that is not possible."""
    path = Path(run_dir)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"run_dir={run_dir} cannot be written: {error.strerror}; name another directory") from error
    return path


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write the resolved config to ``config.yaml``, completely or not at all."""
    _replace(path / "config.yaml", yaml.safe_dump(config, sort_keys=False))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, completely or not at all."""
    _replace(path, json.dumps(content, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def provenance(command: list[str], seed: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the results depend on: command, seed, code, versions, machine, data with hashes."""
    import torch

    return {
        "command": " ".join(command),
        "seed": seed,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git": _git(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "data": data,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None  # a source tree that is not installed


def _git() -> dict[str, Any] | None:
    """Return the commit of the suite's checkout and whether it was edited; None if it is not a checkout."""
    home = Path(__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=home, capture_output=True, text=True, check=False)  # noqa: S603, S607
        return done.stdout.strip()

    return {"commit": git("rev-parse", "HEAD") or None, "edited": bool(git("status", "--porcelain"))}


def _processor() -> str:
    """Return the name of the processor, and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
        return f"{name}, {len(os.sched_getaffinity(0))} cores"
    return f"{name}, {os.cpu_count()} cores"
