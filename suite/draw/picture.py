"""A picture of one record: HTML or PNG, shown by notebooks and saved to files."""

import html
import io
import re
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "PictureFolder"]

MAX_NAME = 80  # characters of a file name, without its ending


@dataclass(frozen=True)
class Picture:
    """A picture of one record. Notebooks show it when it is the last value of a cell.

    Args:
        name: short name of the record; ``save`` makes the file name from it.
        content: HTML text or the bytes of a PNG file.

    >>> Picture("a review", "<b>positive</b>").file_name
    'a-review.html'
    """

    name: str
    content: str | bytes = field(repr=False)

    @classmethod
    def from_figure(cls, name: str, figure: "Figure", dpi: int = 120) -> "Picture":
        """A PNG picture of a matplotlib figure."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi)
        return cls(name, buffer.getvalue())

    @classmethod
    def from_pixels(cls, name: str, pixels: np.ndarray) -> "Picture":
        """A PNG picture of pixels, uint8 of shape (height, width) or (height, width, 3)."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png")
        return cls(name, buffer.getvalue())

    @property
    def file_name(self) -> str:
        """The name with characters that every file system accepts, ending in ``.html`` or ``.png``."""
        return _stem(self.name) + self._suffix

    @property
    def _suffix(self) -> str:
        return ".html" if isinstance(self.content, str) else ".png"

    def save(self, folder: str | Path, file_name: str | None = None) -> Path:
        """Write the picture into ``folder``, which is created if needed, and return the path of the file.

        HTML becomes a complete page. Raises UserError if the file cannot be written.
        """
        path = Path(folder) / (file_name or self.file_name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_page(self.name, self.content) if isinstance(self.content, str) else self.content)
        except OSError as error:
            raise UserError(f"the picture {path} cannot be written: {error.strerror}; choose another folder") from error
        return path

    def _repr_html_(self) -> str | None:
        return self.content if isinstance(self.content, str) else None

    def _repr_png_(self) -> bytes | None:
        return self.content if isinstance(self.content, bytes) else None


class PictureFolder:
    """A folder of pictures where a name that repeats gets a number: ``a.png``, ``a-2.png``.

    Args:
        folder: path of the folder, which is created if needed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._used: set[str] = set()

    def save(self, picture: Picture) -> Path:
        """Write a picture and return its path. Raises UserError if the file cannot be written."""
        stem, _, suffix = picture.file_name.rpartition(".")
        numbers = count(2)
        name = picture.file_name
        while name in self._used:
            name = f"{stem}-{next(numbers)}.{suffix}"
        self._used.add(name)
        return picture.save(self.folder, name)


def _page(title: str, body: str) -> bytes:
    """A complete HTML page that needs no other file."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'.encode()


def _stem(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:MAX_NAME] or "picture"
