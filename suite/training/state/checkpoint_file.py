"""Checkpoint files: plain values and tensors, written completely or not at all, with a check of every byte."""

import hashlib
import logging
import os
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from suite.errors import UserError

if TYPE_CHECKING:
    from suite.data.identity import SampleRecord

log = logging.getLogger(__name__)
SCHEMA = 2
READS = (1, 2)  # schema 1 has no digest, and a run cannot resume from it
IDENTITY = ("schema", "config", "facts")  # a module is rebuilt from these
SAMPLES = "samples"  # which sample was in which split; missing if a Trainer had no TaskData
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
END = 22  # bytes of the end record of a zip archive; the last two are the length of its comment
DIGEST = 64  # the archive comment: SHA-256 of everything before it, in hexadecimal


def save(path: Path, content: dict[str, Any], previous: Path | None = None) -> None:
    """Write a checkpoint to a temporary file in the same folder, flush it to the disk, and rename it.

    If the process is killed or the disk is full, the file that was at ``path`` stays. (A temporary file in another
    folder, as Lightning writes it, is copied and not renamed if that is on another file system.) The SHA-256 of the
    file is its zip comment; torch reads the file as any other.

    Args:
        path: of the checkpoint.
        content: plain values and tensors.
        previous: where the file that was at ``path`` is moved; None replaces it.

    Raises:
        UserError: if the file cannot be written.
    """
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            hashing = _Hashing(file)
            torch.save(content, hashing)  # type: ignore[arg-type]
            file.seek(-2, os.SEEK_CUR)  # the length of the comment ends a zip archive
            file.write(DIGEST.to_bytes(2, "little") + hashing.digest())
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)  # after a kill between these two lines, ``recover`` reads the previous one
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch wraps what its file says in a RuntimeError
        why = error if isinstance(error, OSError) else error.__context__
        if why is None:
            raise
        if not isinstance(why, OSError):
            raise why from error  # the signal that stopped torch's writer, not the error of the writer
        raise UserError(
            f"could not write checkpoint {path}: {why.strerror}. The one before it is intact; "
            "free space on that disk or choose another place with run_dir=DIR"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files of killed processes."""
    for stale in folder.glob(".*.tmp-*"):
        stale.unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint: ``schema``, ``config``, ``facts``, ``state_dict`` and the state of training.

    Every byte is checked, since torch itself loads a file with a flipped bit without an error.

    Raises:
        UserError: with the path, if the file is missing, is not a checkpoint, is damaged, contains anything but plain
            types and tensors, or has another schema.
    """
    import torch

    if not path.is_file():
        raise UserError(f"no checkpoint at {path}; pass ckpt=RUN_DIR/checkpoints/best.ckpt of an existing run")
    if not zipfile.is_zipfile(path):
        raise UserError(
            f"{path} is not a checkpoint (or was cut off while copying); pass ckpt=RUN_DIR/checkpoints/best.ckpt"
        )
    try:
        damaged = _damage(path)
        content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, torch and pickle each raise their own for the same broken file
        raise UserError(
            f"{path} cannot be read as a checkpoint of plain types and tensors: {_first_line(error)}. "
            "Use another copy, or last.ckpt of the same run"
        ) from error
    if damaged:
        raise UserError(f"{path} is damaged ({damaged}); use another copy, or last.ckpt of the same run")
    if not isinstance(content, dict) or any(key not in content for key in IDENTITY):
        raise UserError(f"{path} is a torch file but not a checkpoint of this suite: it has no {' / '.join(IDENTITY)}")
    if content["schema"] not in READS:
        raise UserError(
            f"{path} has checkpoint schema {content['schema']}, this version reads {SCHEMA}; "
            "use the version of attention-suite that wrote it"
        )
    return content


def recover(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return path and content of the checkpoint to resume from: ``last.ckpt``, or ``previous.ckpt`` if it is damaged.

    Raises UserError with the reason for each file if there is none.
    """
    found = [path for path in (folder / LAST, folder / PREVIOUS) if path.is_file()]
    reasons = []
    for path in found:
        try:
            content = load(path)
        except UserError as error:
            reasons.append(str(error))
            continue
        if reasons:
            log.warning("%s\nresuming from %s, the checkpoint before it", reasons[0], path)
        return path, content
    if reasons:
        raise UserError(f"no undamaged checkpoint is left in {folder}: {'; '.join(reasons)}")
    raise UserError(f"no checkpoint in {folder}: the run ended before its first one; start a new run")


def sample_record(saved: tuple[Path, dict[str, Any]]) -> "SampleRecord | None":
    """Return which sample was in which split, or None if the checkpoint does not record it. Raises UserError."""
    if SAMPLES not in saved[1]:
        return None
    from suite.data.identity import SampleRecord

    try:
        return SampleRecord.from_state_dict(saved[1][SAMPLES])
    except ValueError as error:
        raise UserError(f"{saved[0]}: {error}. Use another copy, or last.ckpt of the same run") from error


class _Hashing:
    """A file that hashes what is written to it, with the methods that ``torch.save`` calls."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def digest(self) -> bytes:
        return self.sha256.hexdigest().encode()


def _damage(path: Path) -> str | None:
    """Return what is wrong with a zip archive, or None. A file without our digest is checked by its CRCs."""
    size = path.stat().st_size - DIGEST
    with path.open("rb") as file:
        sha256, left = hashlib.sha256(), size - 2
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            sha256.update(block)
            left -= len(block)
        ending = file.read()
    sha256.update(b"\0\0")  # torch writes an archive without a comment
    if ending[:2] == DIGEST.to_bytes(2, "little"):
        return None if ending[2:] == sha256.hexdigest().encode() else "its bytes do not match their SHA-256"
    if ending[-END:-18] != b"PK\5\6" or any(ending[-2:]):  # an archive without a comment ends with its end record
        return "its SHA-256 is cut off"
    with zipfile.ZipFile(path) as archive:
        entry = archive.testzip()
    return f"entry {entry} fails its checksum" if entry else None


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # flush the new name itself to the disk
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
