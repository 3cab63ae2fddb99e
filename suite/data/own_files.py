"""A user's own files: whether they exist, and their hashes for the provenance."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from suite.data.files import sha256_of
from suite.data.source import Resolved
from suite.errors import UserError


def own_files(data_dir: Path | str, *paths: Path, key: str = "data.path") -> Resolved:
    """Return a user's own files with their SHA-256.

    Paths are relative to the working directory. Raises UserError, naming the config key ``key``, for a file that does
    not exist.
    """
    for path in paths:
        if not path.is_file():
            kind = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise UserError(f"{key}: the file {path} {kind}. Give its path from {Path.cwd()}, or a full path")
    hashes = {str(path): sha256_of(path) for path in paths}
    return Resolved("files", Path(data_dir), paths[0].parent, "your own files", hashes, licence="yours")


def own_folder(data_dir: Path | str, folder: Path, paths: Iterable[Path]) -> Resolved:
    """Return a user's own folder; ``paths`` are the files in it that are read, and one SHA-256 covers them all."""
    hashes = {str(folder): hash_tree(folder, paths)}
    return Resolved("files", Path(data_dir), folder, "your own files", hashes, licence="yours")


def hash_tree(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the names relative to ``folder``, the sizes and the contents of ``paths``, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()
