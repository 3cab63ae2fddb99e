"""Files on disk: their hash, the data directory, writing so that no reader ever sees half a file."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.errors import UserError


def default_data_dir() -> Path:
    """Where data is looked for and kept: the environment variable ``SUITE_DATA_DIR``, else ``data`` here."""
    return Path(os.environ.get("SUITE_DATA_DIR", "data"))


def sha256_of(path: Path) -> str:
    """Hash a file, in hexadecimal, without holding it in memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def has_hash(path: Path, known: str) -> bool:
    """Whether a file is the published one, by its SHA-256, or by ``md5:...`` where its makers publish no other."""
    algorithm, _, digest = known.rpartition(":")
    if algorithm != "md5":
        return sha256_of(path) == digest
    with path.open("rb") as stream:
        found = hashlib.md5(usedforsecurity=False)
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest() == digest


def make_writable(folder: Path) -> None:
    """Create ``folder`` and prove that a file can be written there; raises UserError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder}: {error.strerror}. Choose a folder you may write to with data.dir=DIR "
            "or the environment variable SUITE_DATA_DIR."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, which becomes ``path`` when the block ends well and is removed if not.

    The rename is atomic: another process sees the old file, or the whole new one.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner reads
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The permissions this process withholds from new files; POSIX has no way to ask without setting."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
