"""Outlines of lesions."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.oct.readers.polygons import fill, read_polygons


@pytest.mark.parametrize("line", ["9 0 0 1 0 1 1", "3 0 0 1 0", "3 0 0 1", "x 0 0 1 0 1 1", "3 0 0 nan 0 1 1"])
def test_wrong_outlines_raise_with_their_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(f"3 0 0 1 0 1 1\n{line}\n")
    with pytest.raises(UserError, match=r"x\.txt, line 2"):
        read_polygons(tmp_path / "x.txt")


def test_outlines_may_overlap() -> None:
    square = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])
    mask = fill([(0, square), (5, square + 0.25)], (40, 40))
    assert mask[5, 5] == 1
    assert mask[15, 15] == 1 | 32
    assert mask[25, 25] == 32
