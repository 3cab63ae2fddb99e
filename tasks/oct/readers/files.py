"""A user's own scans: a folder for every class, or a CSV file that lists them."""

import csv
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.files import sha256_of
from suite.data.source import Resolved
from suite.errors import UserError, did_you_mean
from tasks.oct.images import SUFFIXES, is_image, read_image
from tasks.oct.scans import Scans
from tasks.oct.view import View, look

logger = logging.getLogger(__name__)
PARTS = ("train", "val", "test")


class Listed(NamedTuple):
    """One file to read; ``part`` is train, val, test or empty, ``name`` is its place for messages."""

    path: Path
    label: str
    patient: str
    part: str
    name: str


def read_listed(
    listed: Sequence[Listed],
    view: View,
    lesions: Callable[[Path, tuple[int, int]], np.ndarray] | None = None,
) -> Scans:
    """Read files one after another into scans of one size; ``lesions`` gives the mask of a file's image (h, w)."""
    class_names = sorted({item.label for item in listed})
    pixels = np.empty((len(listed), 1, view.height, view.width), dtype=np.uint8)
    masks = np.zeros((len(listed), view.height, view.width), dtype=np.uint8)
    for number, item in enumerate(listed):
        image = read_image(item.path)
        pixels[number, 0], frame = look(view, image)
        if lesions is not None:
            masks[number] = frame.view(lesions(item.path, frame.size), view.height, order=0)
    return Scans(
        pixels,
        np.array([class_names.index(item.label) for item in listed], dtype=np.int64),
        np.array([item.patient for item in listed]),
        np.array([item.part for item in listed], dtype="<U5"),
        np.array([item.name for item in listed]),
        masks,
        class_names,
    )


class ClassFolders:
    """``path/CLASS/image`` or ``path/PART/CLASS/image``, PART being train, val or test.

    ``patient`` is a regular expression whose first group is the patient in a file's name, such as ``^[^-]+-([^-]+)-``;
    without it every image counts as a patient of its own, and the log says so.
    """

    name = "folder"

    def __init__(self, path: str, patient: str | None = None) -> None:
        self.path, self.patient = Path(path), patient
        try:
            self._pattern = None if patient is None else re.compile(patient)
        except re.error as error:
            raise UserError(f"data.patient={patient} is no regular expression: {error}") from error
        if self._pattern is not None and not self._pattern.groups:
            raise UserError(f"data.patient={patient} needs a group in parentheses, which is the patient")

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The folder itself; raises UserError where there is none."""
        if not self.path.is_dir():
            raise UserError(f"data.path={self.path} is not a folder; give one with a folder for every class inside")
        digest = hashlib.sha256()
        for item in self._listed():
            digest.update(f"{item.path.relative_to(self.path).as_posix()} {sha256_of(item.path)}\n".encode())
        return Resolved("files", Path(data_dir), self.path, "local files", {str(self.path): digest.hexdigest()})

    def read(self, files: Resolved, view: View) -> Scans:
        """All images, in the order of their names."""
        if self._pattern is None:
            logger.warning("data.patient is not set: every image of %s counts as a patient of its own", self.path)
        return read_listed(self._listed(), view)

    def options(self) -> dict[str, Any]:
        """How patients are told."""
        return {"patient": self.patient or "every image"}

    def _listed(self) -> list[Listed]:
        listed = []
        folders = sorted(folder for folder in self.path.iterdir() if folder.is_dir())
        parts = [folder for folder in folders if folder.name in PARTS]
        for part, classes in [(folder.name, sorted(folder.iterdir())) for folder in parts] or [("", folders)]:
            for folder in classes:
                if not folder.is_dir():
                    raise UserError(f"{folder} is no folder of a class; remove it, or move it into one")
                listed += self._of_class(folder, part)
        if not listed:
            raise UserError(f"{self.path} has no folders with images; expected {self.path}/CLASS/image.png")
        return listed

    def _of_class(self, folder: Path, part: str) -> list[Listed]:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not paths:
            raise UserError(f"The class folder {folder} has no images; add some, or remove it")
        for path in paths:
            if not path.is_file() or not is_image(path):
                raise UserError(f"{path} is no image ({', '.join(SUFFIXES)}); remove it, or save it as one")
        return [Listed(path, folder.name, self._patient(path), part, str(path)) for path in paths]

    def _patient(self, path: Path) -> str:
        if self._pattern is None:
            return str(path)
        found = self._pattern.search(path.name)
        if found is None:
            raise UserError(f"{path}: data.patient={self.patient} finds no patient in this name")
        return found[1]


class ScanTable:
    """A CSV file with a line for every image; paths are relative to the file's folder.

    ``patient_column`` None means that every image is a patient of its own; ``split_column`` holds train, val and test.
    """

    name = "csv"

    def __init__(
        self, path: str, image_column: str, label_column: str, patient_column: str | None, split_column: str | None
    ) -> None:
        self.path = Path(path)
        self.columns = {"image": image_column, "label": label_column, "patient": patient_column, "split": split_column}

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The file and its images; raises UserError where one is missing."""
        if not self.path.is_file():
            raise UserError(f"data.path={self.path} does not exist; give a CSV file that lists images")
        digest = hashlib.sha256(self.path.read_bytes())
        for item in self._listed():
            if not item.path.is_file():
                raise UserError(
                    f"{item.name}: the image {item.path} does not exist; paths are relative to the CSV file"
                )
            digest.update(sha256_of(item.path).encode())
        return Resolved("files", Path(data_dir), self.path.parent, "local files", {self.path.name: digest.hexdigest()})

    def read(self, files: Resolved, view: View) -> Scans:
        """All images, in the order of the lines."""
        return read_listed(self._listed(), view)

    def options(self) -> dict[str, Any]:
        """Which columns were read."""
        return {f"{name}_column": column for name, column in self.columns.items()}

    def _listed(self) -> list[Listed]:
        listed = []
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream)
                for name, column in self.columns.items():
                    if column is not None and column not in (reader.fieldnames or []):
                        near = did_you_mean(column, reader.fieldnames or [])
                        raise UserError(f"{self.path} has no column {column!r}.{near} Set data.{name}_column=COLUMN")
                for row in reader:
                    listed.append(self._item(row, f"{self.path}, line {reader.line_num}"))
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path} is not UTF-8 ({error.reason}); save it as UTF-8") from error
        if not listed:
            raise UserError(f"{self.path} lists no images; its first line names columns, every other an image")
        return listed

    def _item(self, row: dict[str, Any], place: str) -> Listed:
        cells = {name: "" if column is None else row[column] for name, column in self.columns.items()}
        for name, cell in cells.items():
            if self.columns[name] is not None and not (cell and cell.strip()):
                raise UserError(f"{place}: the column {self.columns[name]!r} is empty; fill it in, or remove the line")
        if cells["split"] and cells["split"] not in PARTS:
            raise UserError(f"{place}: the split {cells['split']!r} is none of {', '.join(PARTS)}")
        path = self.path.parent / cells["image"]
        return Listed(path, cells["label"], cells["patient"] or str(path), cells["split"], place)
