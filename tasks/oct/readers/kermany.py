"""Kermany's public B-scans (Kermany et al. 2018): CLASS/CLASS-patient-number.jpeg, and outlines of lesions."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.oct.readers.files import Listed, read_listed
from tasks.oct.readers.polygons import fill, read_polygons
from tasks.oct.scans import Scans
from tasks.oct.view import View


class Kermany:
    """B-scans whose names say class and patient, in folders of their class; ``train`` and ``test`` where they exist.

    The layout of OCT2017, or ``images/CLASS/`` with ``lesions/CLASS-patient-number.txt`` beside it. A patient whose
    scans OCT2017 has in both of its parts makes the split an error; data.folds=5 draws another.
    """

    name = "kermany"

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The folder where it lies, every file hashed into one; it is never downloaded. Raises UserError."""
        folder = Path(data_dir) / self.source.folder
        paths = [path for path, _ in self._images(folder)] if folder.is_dir() else []
        if not paths:
            raise UserError(
                f"There are no B-scans in {folder}: expected images/CLASS/CLASS-patient-number.jpeg, or the train and "
                f"test folders of OCT2017. Get them from {self.source.homepage}, or name their folder with data.dir=DIR"
            )
        digest = hashlib.sha256()
        for path in [*paths, *sorted((folder / "lesions").glob("*.txt"))]:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
        hashes = {self.source.folder: digest.hexdigest()}
        facts = self.source.licence, self.source.homepage
        return Resolved("tree", Path(data_dir), folder, "local files", hashes, *facts)

    def read(self, files: Resolved, view: View) -> Scans:
        """All scans, in the order of their names."""
        listed = [
            Listed(path, path.parent.name, _patient(path), part, str(path)) for path, part in self._images(files.folder)
        ]
        return read_listed(listed, view, lambda path, size: _lesions(files.folder, path, size))

    def options(self) -> dict[str, Any]:
        """Nothing beside the files."""
        return {}

    def _images(self, folder: Path) -> list[tuple[Path, str]]:
        """Every image with the part that its folder names."""
        found = []
        for place, part in (("images", ""), ("train", "train"), ("val", "val"), ("test", "test")):
            found += [(path, part) for path in sorted((folder / place).glob("*/*.jpeg"))]
        return found


def _patient(path: Path) -> str:
    words = path.stem.split("-")
    if len(words) != 3 or words[0] != path.parent.name:
        raise UserError(
            f"{path} should be named CLASS-patient-number.jpeg, with the class of its folder. Rename it; for other "
            "names use data=oct/folder or data=oct/csv"
        )
    return words[1]


def _lesions(folder: Path, path: Path, size: tuple[int, int]) -> np.ndarray:
    outlines = folder / "lesions" / f"{path.stem}.txt"
    return fill(read_polygons(outlines) if outlines.is_file() else [], size)
