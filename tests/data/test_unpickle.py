import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

from suite.data.unpickle import CsrMatrix, read_pickle
from suite.errors import UserError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<i4").reshape(2, 3),
        np.arange(6, dtype=">f8").reshape(3, 2),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.zeros((0, 5), dtype=np.float32),
    ],
    ids=["int", "big-endian", "fortran", "bool", "empty"],
)
def test_arrays_of_numbers_are_read(tmp_path: Path, array: np.ndarray, protocol: int):
    read = read_pickle(write(tmp_path / "a", pickle.dumps(array, protocol)))
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype


def test_csr_matrices_are_read_without_scipy(tmp_path: Path):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(7, 5, density=0.4, format="csr", random_state=0)
    read = read_pickle(write(tmp_path / "m", pickle.dumps(matrix, 2)))
    assert isinstance(read, CsrMatrix)
    assert read.shape == (7, 5)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(read, name), getattr(matrix, name))


def test_containers_are_read(tmp_path: Path):
    graph = defaultdict(list, {0: [1, 2], 1: [0]})
    assert read_pickle(write(tmp_path / "g", pickle.dumps(graph, 2))) == graph
    ordered = OrderedDict(a=(1, {2}))
    assert read_pickle(write(tmp_path / "o", pickle.dumps(ordered, 2))) == ordered


PAYLOADS = {
    "os.system": b"cposix\nsystem\n(S'touch CANARY'\ntR.",
    "eval": b'c__builtin__\neval\n(S\'open("CANARY", "w")\'\ntR.',
    "builtins.exec": b'cbuiltins\nexec\n(S\'open("CANARY", "w")\'\ntR.',
    "open": b"cbuiltins\nopen\n(S'CANARY'\nS'w'\ntR.",
    "getattr": b"cbuiltins\ngetattr\n(cposix\nsystem\nS'__call__'\ntR.",
    "numpy.load": b"cnumpy\nload\n(S'CANARY'\ntR.",
    "numpy f2py": b'cnumpy.testing._private.utils\nrunstring\n(S\'open("CANARY", "w")\'\n}tR.',
    "partial": b"cfunctools\npartial\n(cposix\nsystem\nS'touch CANARY'\ntR.",
    "reconstructor": b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
    "reconstructor of an admitted class": b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
    "instance opcode": b"(S'touch CANARY'\niposix\nsystem\n.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x13ndarray.__class__.mro\x93.",
    "through sys.modules": b"csys\nmodules\n.",
    "hidden in a dict": b"(dS'a'\ncposix\nsystem\n(S'touch CANARY'\ntRs.",
    "extension code": b"\x80\x02\x82\x01.",
    "persistent id": b"PCANARY\n.",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_planted_payload_is_refused_and_never_run(tmp_path: Path, payload: bytes):
    canary = tmp_path / "canary"
    path = write(tmp_path / "ind.cora.x", payload.replace(b"CANARY", str(canary).encode()))
    with pytest.raises(UserError) as refused:
        read_pickle(path)
    assert str(path) in str(refused.value)
    assert not canary.exists()


class Planted:
    def __reduce__(self):
        return (Path.touch, (Path(self.canary),))

    def __init__(self, canary: Path) -> None:
        self.canary = canary


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_object_with_a_reduce_is_refused_in_every_protocol(tmp_path: Path, protocol: int):
    path = write(tmp_path / "x", pickle.dumps([Planted(tmp_path / "canary")], protocol))
    with pytest.raises(UserError, match="No code in it was run"):
        read_pickle(path)
    assert not (tmp_path / "canary").exists()


def test_the_refused_name_is_told(tmp_path: Path):
    with pytest.raises(UserError, match=r"asks for posix\.system"):
        read_pickle(write(tmp_path / "x", PAYLOADS["os.system"]))


def test_state_cannot_be_planted_on_what_is_admitted(tmp_path: Path):
    """BUILD on an admitted class, to change it for the files that are read after this one."""
    with pytest.raises(UserError):
        read_pickle(write(tmp_path / "x", b"cnumpy\nndarray\n(dS'array'\nS'changed'\nsb."))
    array = np.arange(3)
    np.testing.assert_array_equal(read_pickle(write(tmp_path / "a", pickle.dumps(array, 2))), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a pickle", pickle.dumps(np.arange(9), 2)[:-20], pickle.dumps(np.array(["text"]), 2)],
    ids=["empty", "text", "truncated", "strings"],
)
def test_what_is_no_pickle_of_numbers_is_refused(tmp_path: Path, content: bytes):
    path = write(tmp_path / "x", content)
    with pytest.raises(UserError, match="not a readable pickle of numbers"):
        read_pickle(path)


def test_an_array_of_objects_is_refused(tmp_path: Path):
    with pytest.raises(UserError):
        read_pickle(write(tmp_path / "x", pickle.dumps(np.array([{}, []], dtype=object), 2)))
