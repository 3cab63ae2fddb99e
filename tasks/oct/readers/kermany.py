"""The public B-scans of Kermany et al. 2018, with outlines of lesions."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from suite.data.own_files import hash_tree
from suite.data.readers import SourceReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.oct.readers.listed_images import ListedImage, read_images
from tasks.oct.readers.polygons import fill, read_polygons
from tasks.oct.scans import Scans
from tasks.oct.view import View


class Kermany(SourceReader):
    """B-scans ``CLASS/CLASS-patient-number.jpeg`` in the layout of OCT2017.

    The class folders are in ``train``, ``val`` and ``test``, or in ``images`` without a split. The outlines of the
    lesions are in ``lesions/CLASS-patient-number.txt``, if there are any. OCT2017 itself has some patients in two
    splits, which ``PatientSplit`` rejects; ``data.folds=5`` draws a split by patient instead.

    Args:
        source: its ``folder`` is where the files are; they are never downloaded.
    """

    name: ClassVar[str] = "kermany"

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash all files. Raises UserError if there are no B-scans."""
        folder = Path(data_dir) / self.source.folder
        paths = [path for path, _ in self._images(folder)] if folder.is_dir() else []
        if not paths:
            raise UserError(
                f"There are no B-scans in {folder}: expected images/CLASS/CLASS-patient-number.jpeg, or the train and "
                f"test folders of OCT2017. Get them from {self.source.homepage}, or name their folder with data.dir=DIR"
            )
        hashes = {self.source.folder: hash_tree(folder, [*paths, *sorted((folder / "lesions").glob("*.txt"))])}
        facts = self.source.licence, self.source.homepage
        return Resolved("tree", Path(data_dir), folder, "local files", hashes, *facts)

    def read(self, files: Resolved, view: View) -> Scans:
        """Return all scans, in the order of their names."""
        images = [
            ListedImage(path, path.parent.name, _patient(path), split, str(path))
            for path, split in self._images(files.folder)
        ]
        return read_images(images, view, lambda path, size: _lesions(files.folder, path, size))

    def _images(self, folder: Path) -> list[tuple[Path, str]]:
        """All images with the split of their folder."""
        found = []
        for place, split in (("images", ""), ("train", "train"), ("val", "val"), ("test", "test")):
            found += [(path, split) for path in sorted((folder / place).glob("*/*.jpeg"))]
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
