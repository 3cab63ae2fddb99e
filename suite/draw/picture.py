"""A picture of one record: HTML or PNG, shown by notebooks and saved to files."""

import html
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "save_all"]

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
    content: str | bytes

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


def save_all(pictures: Iterable[Picture], folder: str | Path) -> Iterator[Path]:
    """Save each picture as it is drawn and yield its path; a name that repeats gets a number: ``a.png``, ``a-2.png``.

    Raises UserError if a file cannot be written.
    """
    used: dict[str, int] = {}
    for picture in pictures:
        name = picture.file_name
        used[name] = used.get(name, 0) + 1
        while used[name] > 1 and (numbered := _numbered(name, used[name])) in used:
            used[name] += 1
        name = name if used[name] == 1 else numbered
        used.setdefault(name, 1)
        yield picture.save(folder, name)


def _page(title: str, body: str) -> bytes:
    """A complete HTML page that needs no other file."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'.encode()


def _numbered(name: str, number: int) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}-{number}.{suffix}"


def _stem(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:MAX_NAME] or "picture"
