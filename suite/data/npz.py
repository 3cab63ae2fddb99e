"""NumPy's .npz files, read without pickles."""

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from suite.errors import UserError


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz by name. Raises UserError for any other file and for arrays of Python objects."""
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, not several with names")
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is not a readable .npz of plain arrays: {error}") from error


def require_arrays(path: Path, arrays: Mapping[str, np.ndarray], names: Iterable[str]) -> None:
    """Raise UserError if an array of ``names`` is missing in the file ``path``."""
    if missing := [name for name in names if name not in arrays]:
        raise UserError(f"{path} has no array {', '.join(missing)}; it has {', '.join(sorted(arrays))}")
