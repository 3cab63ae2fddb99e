"""A cache of plain arrays for content whose source is slow to read."""

import hashlib
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from suite.config.side_effects import allowed
from suite.data.files import replacing

logger = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
_DIGEST = "content_sha256"


def cached(data_dir: Path, name: str, key: Mapping[str, str], build: Callable[[], Arrays]) -> Arrays:
    """Return the arrays cached under ``name`` for ``key``; without a cached file, build and cache them.

    The cache is the directory ``SUITE_CACHE_DIR``, else ``.cache`` in the data directory, with one .npz file without
    pickles for each key. A file that does not match its hash causes a warning and is built again. If the directory
    cannot be written, the arrays are built at each call.

    Args:
        data_dir: the data directory.
        name: beginning of the file name.
        key: all that the arrays depend on: the SHA-256 of the source files and the version of their reader.
        build: computes the arrays.
    """
    root = Path(os.environ.get("SUITE_CACHE_DIR", data_dir / ".cache"))
    digest = hashlib.sha256("\n".join(f"{k}={v}" for k, v in sorted(key.items())).encode()).hexdigest()
    path = root / f"{name}-{digest[:16]}.npz"
    if path.is_file():
        found = _read(path)
        if found is not None:
            return found
        logger.warning("The cached file %s is damaged; it is built again from its source.", path)
    arrays = build()
    if not allowed():
        return arrays
    try:
        root.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **{_DIGEST: np.array(hash_arrays(arrays))}, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        logger.info("Nothing is cached in %s (%s); the source is read every time.", root, error.strerror)
    return arrays


def hash_arrays(arrays: Arrays) -> str:
    """Return the SHA-256 over the names, types, shapes and little-endian bytes of all arrays, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read(path: Path) -> Arrays | None:
    """The cached arrays, or None if the file is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        logger.debug("%s: %s", path, error)
        return None
    expected = arrays.pop(_DIGEST, None)
    return arrays if expected is not None and str(expected) == hash_arrays(arrays) else None
