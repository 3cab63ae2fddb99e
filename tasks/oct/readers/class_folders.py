"""A user's own images in one folder for each class."""

import logging
import re
from pathlib import Path
from typing import Any, ClassVar

from suite.data.own_files import own_folder
from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.data.splits import SPLITS
from suite.errors import UserError
from tasks.oct.images import SUFFIXES, is_image
from tasks.oct.readers.listed_images import ListedImage, read_images
from tasks.oct.scans import Scans
from tasks.oct.view import View

logger = logging.getLogger(__name__)


class ClassFolders(OwnFileReader):
    """Images ``path/CLASS/image``, or ``path/SPLIT/CLASS/image`` with the splits train, val and test.

    Args:
        path: of the folder.
        patient: regular expression whose first group is the patient in a file name, for example ``^[^-]+-([^-]+)-``.
            None takes each image as another patient and logs a warning.

    Raises UserError for an expression that is not valid or has no group.
    """

    name: ClassVar[str] = "folder"

    def __init__(self, path: str, patient: str | None) -> None:
        super().__init__(path)
        self.patient = patient
        try:
            self._pattern = None if patient is None else re.compile(patient)
        except re.error as error:
            raise UserError(f"data.patient={patient} is not a regular expression: {error}") from error
        if self._pattern is not None and not self._pattern.groups:
            raise UserError(f"data.patient={patient} needs a group in parentheses, which is the patient")

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash all images. Raises UserError if there is no such folder, and for files that are not images."""
        if not self.path.is_dir():
            raise UserError(f"data.path={self.path} is not a folder; give one that has a folder for each class")
        return own_folder(data_dir, self.path, [image.path for image in self.images()])

    def read(self, files: Resolved, view: View) -> Scans:
        """Return all images, in the order of their names."""
        if self._pattern is None:
            logger.warning("data.patient is not set: each image of %s counts as another patient", self.path)
        return read_images(self.images(), view)

    def options(self) -> dict[str, Any]:
        return {"patient": self.patient or "every image"}

    def images(self) -> list[ListedImage]:
        """List the images. Raises UserError for a folder without images and for files that are not images."""
        images = []
        folders = sorted(folder for folder in self.path.iterdir() if folder.is_dir())
        splits = [folder for folder in folders if folder.name in SPLITS]
        for split, classes in [(folder.name, sorted(folder.iterdir())) for folder in splits] or [("", folders)]:
            for folder in classes:
                if not folder.is_dir():
                    raise UserError(f"{folder} is not the folder of a class; remove it, or move it into one")
                images += self._of_class(folder, split)
        if not images:
            raise UserError(f"{self.path} has no folders with images; expected {self.path}/CLASS/image.png")
        return images

    def _of_class(self, folder: Path, split: str) -> list[ListedImage]:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not paths:
            raise UserError(f"The class folder {folder} has no images; add some, or remove it")
        for path in paths:
            if not path.is_file() or not is_image(path):
                raise UserError(f"{path} is not an image ({', '.join(SUFFIXES)}); remove it, or save it as one")
        return [ListedImage(path, folder.name, self._patient(path), split, str(path)) for path in paths]

    def _patient(self, path: Path) -> str:
        if self._pattern is None:
            return str(path)
        found = self._pattern.search(path.name)
        if found is None:
            raise UserError(f"{path}: data.patient={self.patient} finds no patient in this name")
        return found[1]
