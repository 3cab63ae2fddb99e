"""Files: their hash, the data directory, and writing a file completely or not at all."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.errors import UserError


def default_data_dir() -> Path:
    """Return the data directory: the environment variable ``SUITE_DATA_DIR``, else ``data``."""
    return Path(os.environ.get("SUITE_DATA_DIR", "data"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def has_hash(path: Path, known: str) -> bool:
    """Return whether a file has the published hash: SHA-256, or MD5 for ``md5:...``."""
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
    """Return the umask of this process. POSIX can only read it by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
