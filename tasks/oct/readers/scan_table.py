"""A user's own images, listed in a table."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar

from suite.data.files import sha256_of
from suite.data.own_files import own_files
from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.data.splits import parse_split
from suite.data.tables import Row, read_rows
from suite.errors import UserError
from tasks.oct.readers.listed_images import ListedImage, read_images
from tasks.oct.scans import Scans
from tasks.oct.view import View


class ScanTable(OwnFileReader):
    """A table with one row for each image; paths of images are relative to the folder of the table.

    Args:
        path: of the table: .csv, .tsv, .jsonl or .parquet.
        image_column: of the paths of the images.
        label_column: of the classes.
        patient_column: of the patients; None takes each image as another patient.
        split_column: of train, val and test; None if the table states no split.
    """

    name: ClassVar[str] = "csv"

    def __init__(
        self, path: str, image_column: str, label_column: str, patient_column: str | None, split_column: str | None
    ) -> None:
        super().__init__(path)
        self.columns = {"image": image_column, "label": label_column, "patient": patient_column, "split": split_column}

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash the table and its images. Raises UserError if the table or an image does not exist."""
        table = own_files(data_dir, self.path)
        digest = hashlib.sha256(table.sha256[str(self.path)].encode())
        for image in self.images():
            if not image.path.is_file():
                raise UserError(
                    f"{image.place}: the image {image.path} does not exist; paths are relative to the table"
                )
            digest.update(sha256_of(image.path).encode())
        return Resolved(
            table.kind, table.data_dir, table.folder, table.origin, {str(self.path): digest.hexdigest()}, table.licence
        )

    def read(self, files: Resolved, view: View) -> Scans:
        """Return all images, in the order of the rows."""
        return read_images(self.images(), view)

    def options(self) -> dict[str, Any]:
        return {f"{name}_column": column for name, column in self.columns.items()}

    def images(self) -> list[ListedImage]:
        """List the images. Raises UserError with file and row for a missing column and an empty cell."""
        images = [self._image(row) for row in read_rows(self.path)]
        if not images:
            raise UserError(f"{self.path} lists no images; its first line names the columns, each other line an image")
        return images

    def _image(self, row: Row) -> ListedImage:
        cells = {name: self._cell(row, name, column) for name, column in self.columns.items()}
        path = self.path.parent / cells["image"]
        split = parse_split(cells["split"], row.place)
        return ListedImage(path, cells["label"], cells["patient"] or str(path), split, row.place)

    def _cell(self, row: Row, name: str, column: str | None) -> str:
        if column is None:
            return ""
        cell = row.text(column, f"data.{name}_column")
        if not cell:
            raise UserError(f"{row.place}, column {column}: the cell is empty; add a value, or remove the row")
        return cell
