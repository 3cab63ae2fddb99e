"""Reading pickles that others made, without running anything of theirs.

A pickle is a program: it may name any function and call it. The reader here admits a handful of names only, and puts
its own inert recorders in their place: not even numpy or scipy code runs while the file is read.
"""

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from suite.errors import UserError


class Dtype:
    """Stands for ``numpy.dtype``: numbers and Booleans of one width, never Python objects."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.code = str(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "=" if state[1] == "|" else str(state[1])

    def dtype(self) -> np.dtype[Any]:
        """The numpy type; raises ValueError for one that does not hold plain numbers."""
        if self.code.lstrip("<>=|")[:1] not in ("b", "i", "u", "f"):
            raise ValueError(f"an array of type {self.code!r} does not hold plain numbers")
        return np.dtype(self.order + self.code.lstrip("<>=|"))


class Array:
    """Stands for ``numpy.ndarray`` and for the function that makes an empty one; records the bytes."""

    def __init__(self, subtype: object = None, shape: object = None, code: object = None) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = tuple(state)

    def array(self) -> np.ndarray:
        """The numpy array; raises ValueError where the bytes do not fill the shape."""
        _, shape, dtype, is_fortran, content = self.state
        content = content.encode("latin1") if isinstance(content, str) else content  # Python 2 wrote bytes as str
        flat = np.frombuffer(content, dtype=dtype.dtype())
        return flat.reshape(shape, order="F" if is_fortran else "C")


class CsrMatrix:
    """Stands for ``scipy.sparse.csr_matrix``: its three arrays and its shape; scipy is not needed."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    shape: tuple[int, int]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.indptr, self.indices, self.data = (state[name].array() for name in ("indptr", "indices", "data"))
        rows, columns = state["_shape"]
        self.shape = (int(rows), int(columns))


class Latin1(bytes):
    """Stands for ``_codecs.encode``, through which Python 3 writes bytes in the old pickle protocols."""

    def __new__(cls, text: str = "", encoding: str = "latin1") -> "Latin1":
        """Encode; raises ValueError for any other encoding."""
        if encoding != "latin1":
            raise ValueError(f"bytes written as {encoding}")
        return super().__new__(cls, text.encode("latin1"))


_CONTAINERS = {kind.__name__: kind for kind in (list, dict, tuple, set, frozenset)}
_ADMITTED: dict[str, type] = {
    "numpy.ndarray": Array,
    "numpy.dtype": Dtype,
    "numpy.core.multiarray._reconstruct": Array,
    "numpy._core.multiarray._reconstruct": Array,
    "scipy.sparse.csr.csr_matrix": CsrMatrix,
    "scipy.sparse._csr.csr_matrix": CsrMatrix,
    "_codecs.encode": Latin1,
    "collections.defaultdict": collections.defaultdict,
    "collections.OrderedDict": collections.OrderedDict,
    "__builtin__.bytes": Latin1,  # without arguments: how Python 3 writes no bytes at all
    **{f"{module}.{name}": kind for module in ("__builtin__", "builtins") for name, kind in _CONTAINERS.items()},
}


class _Refused(pickle.UnpicklingError):
    """The file names something outside the list."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """Called for every name in the file, before anything is done with it."""
        admitted = _ADMITTED.get(f"{module}.{name}")
        if admitted is None:
            raise _Refused(f"{module}.{name}")
        return admitted


def read_pickle(path: Path) -> Any:
    """Read an array, a CSR matrix (as ``CsrMatrix``) or builtin containers from a pickle of Python 2 or 3.

    Raises UserError, before anything of the file was run, where it names anything else, and where it is not a pickle.
    """
    try:
        with path.open("rb") as stream:
            content = _Unpickler(stream, encoding="latin1").load()
        return content.array() if isinstance(content, Array) else content
    except _Refused as error:
        raise UserError(
            f"{path} was refused: this pickle asks for {error}, and a data file may hold only numpy arrays, scipy CSR "
            "matrices and builtin containers. Nothing in it was run. Get the file from its publisher again."
        ) from error
    except Exception as error:  # a broken pickle may fail in any way
        raise UserError(f"{path} is not a readable pickle of numbers ({error}). Get the file again.") from error
