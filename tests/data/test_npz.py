"""NumPy's .npz files, without pickles."""

from pathlib import Path

import numpy as np
import pytest

from suite.data.npz import read_npz, require_arrays
from suite.errors import UserError


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.eye(2))
    arrays = read_npz(tmp_path / "a.npz")
    assert arrays["x"].tolist() == [0, 1, 2]
    require_arrays(tmp_path / "a.npz", arrays, ["x", "y"])
    with pytest.raises(UserError, match=r"a\.npz has no array z; it has x, y"):
        require_arrays(tmp_path / "a.npz", arrays, ["x", "z"])


def test_python_objects_single_arrays_and_other_files_are_errors(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}, None], dtype=object))
    with (tmp_path / "single.npz").open("wb") as stream:
        np.save(stream, np.arange(3))
    (tmp_path / "text.npz").write_text("x")
    for name in ("objects", "single", "text", "missing"):
        with pytest.raises(UserError, match=rf"{name}\.npz is not a readable \.npz of plain arrays"):
            read_npz(tmp_path / f"{name}.npz")
