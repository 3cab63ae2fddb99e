"""A reader of pickles that runs no code of the file.

A pickle is a program: it can name any function and call it. This reader accepts a few names only and replaces each by a
class that records its arguments, so that neither numpy nor scipy code runs while a file is read.
"""

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from suite.errors import UserError


class Dtype:
    """Replaces ``numpy.dtype``: numbers and Booleans of one width, never Python objects."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.code = str(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "=" if state[1] == "|" else str(state[1])

    def dtype(self) -> np.dtype[Any]:
        """Return the numpy type. Raises ValueError for a type that is not a plain number."""
        if self.code.lstrip("<>=|")[:1] not in ("b", "i", "u", "f"):
            raise ValueError(f"an array of type {self.code!r} does not hold plain numbers")
        return np.dtype(self.order + self.code.lstrip("<>=|"))


class Array:
    """Replaces ``numpy.ndarray`` and the function that creates an empty one; records the bytes."""

    def __init__(self, subtype: object = None, shape: object = None, code: object = None) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = tuple(state)

    def array(self) -> np.ndarray:
        """Return the numpy array. Raises ValueError if the bytes do not fit the shape."""
        _, shape, dtype, is_fortran, content = self.state
        content = content.encode("latin1") if isinstance(content, str) else content  # Python 2 wrote bytes as str
        flat = np.frombuffer(content, dtype=dtype.dtype())
        return flat.reshape(shape, order="F" if is_fortran else "C")


class CsrMatrix:
    """Replaces ``scipy.sparse.csr_matrix``: its three arrays and its shape; scipy is not needed."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    shape: tuple[int, int]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.indptr, self.indices, self.data = (state[name].array() for name in ("indptr", "indices", "data"))
        rows, columns = state["_shape"]
        self.shape = (int(rows), int(columns))


class Latin1(bytes):
    """Replaces ``_codecs.encode``, with which Python 3 writes bytes in the old pickle protocols."""

    def __new__(cls, text: str = "", encoding: str = "latin1") -> "Latin1":
        """Encode as Latin-1. Raises ValueError for any other encoding."""
        if encoding != "latin1":
            raise ValueError(f"bytes written as {encoding}")
        return super().__new__(cls, text.encode("latin1"))


_CONTAINERS = {kind.__name__: kind for kind in (list, dict, tuple, set, frozenset)}
_ACCEPTED: dict[str, type] = {
    "numpy.ndarray": Array,
    "numpy.dtype": Dtype,
    "numpy.core.multiarray._reconstruct": Array,
    "numpy._core.multiarray._reconstruct": Array,
    "scipy.sparse.csr.csr_matrix": CsrMatrix,
    "scipy.sparse._csr.csr_matrix": CsrMatrix,
    "_codecs.encode": Latin1,
    "collections.defaultdict": collections.defaultdict,
    "collections.OrderedDict": collections.OrderedDict,
    "__builtin__.bytes": Latin1,  # without arguments: empty bytes as Python 3 writes them
    **{f"{module}.{name}": kind for module in ("__builtin__", "builtins") for name, kind in _CONTAINERS.items()},
}


class _Rejected(pickle.UnpicklingError):
    """The file names something that is not accepted."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """Return the replacement for a name in the file; pickle calls this before it uses the name."""
        accepted = _ACCEPTED.get(f"{module}.{name}")
        if accepted is None:
            raise _Rejected(f"{module}.{name}")
        return accepted


def read_pickle(path: Path) -> Any:
    """Read an array, a CSR matrix (as ``CsrMatrix``) or builtin containers from a pickle of Python 2 or 3.

    Raises UserError if the file names anything else, before any of it runs, and if it is not a pickle.
    """
    try:
        with path.open("rb") as stream:
            content = _Unpickler(stream, encoding="latin1").load()
        return content.array() if isinstance(content, Array) else content
    except _Rejected as error:
        raise UserError(
            f"{path} was refused: this pickle asks for {error}, but a data file may contain only numpy arrays, "
            "scipy CSR matrices and builtin containers. No code in it was run. Get the file from its publisher again."
        ) from error
    except Exception as error:  # a broken pickle may fail in any way
        raise UserError(f"{path} is not a readable pickle of numbers ({error}). Get the file again.") from error
