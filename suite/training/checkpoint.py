"""Checkpoints: plain config and tensors, written whole or not at all, never unpickled into anything else."""

import os
import time
import zipfile
from pathlib import Path
from typing import Any

from suite.errors import UserError

SCHEMA = 1
IDENTITY = ("schema", "config", "facts")  # what rebuilds the module around the weights


class Saver:
    """Writes checkpoints into one folder, no more often than every ``every`` seconds when asked with ``due``."""

    def __init__(self, folder: Path, every: float) -> None:
        self.folder = folder
        self.every = every
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self._last >= self.every

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write one checkpoint atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save(self.folder / name, content)
        self._last = time.monotonic()


def save(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` beside its place, flush it to the disk, then move it there in one step.

    A kill or a full disk leaves the file that was there before. Staging in the temporary folder, as Lightning does, is
    a plain copy where that is another file system.
    """
    import torch

    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"could not write checkpoint {path}: {error.strerror}. The one before it is intact; "
            "free space on that disk or choose another place with run_dir=DIR"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint of this suite: ``schema``, ``config``, ``facts``, ``state_dict`` and what training added.

    Raises UserError, naming the file, where it is missing, is no checkpoint, is damaged (every byte is checked: torch
    itself loads a flipped bit without a word), holds anything but plain types and tensors, or is of another schema.
    """
    import torch

    if not path.is_file():
        raise UserError(f"no checkpoint at {path}; pass ckpt=RUN_DIR/checkpoints/best.ckpt of an existing run")
    if not zipfile.is_zipfile(path):
        raise UserError(
            f"{path} is not a checkpoint (or was cut off while copying); pass ckpt=RUN_DIR/checkpoints/best.ckpt"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, torch and pickle each raise their own for the same broken file
        raise UserError(
            f"{path} cannot be read as a checkpoint of plain types and tensors: {_first_line(error)}. "
            "Use another copy, or last.ckpt of the same run"
        ) from error
    if damaged:
        raise UserError(
            f"{path} is damaged (entry {damaged} fails its checksum); use another copy, or last.ckpt of the same run"
        )
    if not isinstance(content, dict) or any(key not in content for key in IDENTITY):
        raise UserError(f"{path} is a torch file but not a checkpoint of this suite: it has no {' / '.join(IDENTITY)}")
    if content["schema"] != SCHEMA:
        raise UserError(
            f"{path} has checkpoint schema {content['schema']}, this version reads {SCHEMA}; "
            "use the version of attention-suite that wrote it"
        )
    return content


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
