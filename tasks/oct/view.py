"""Views: the region of an image that a network sees, and maps from the view back to the image."""

# h, w size of a file's image; H, W size of the view; C channels

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from suite.errors import UserError

LINE_COLUMNS = 64  # number of columns in which the line is detected


@dataclass(frozen=True)
class Frame:
    """The place of a view in an image: row i of column j of the view is row ``top[j] + (i + 1/2) step - 1/2``.

    Columns are spread evenly over the width. ``top`` (W,) and ``step`` are in pixels of the image; ``size`` is (h, w).
    """

    top: np.ndarray
    step: float
    size: tuple[int, int]

    def view(self, image: np.ndarray, height: int, order: int = 1) -> np.ndarray:
        """Return the view of an image (h, w): (H, W) float32, 0 outside the image; ``order`` 0 takes nearest pixels.

        With ``order`` 1, pixels are averaged where the view is smaller than the image.
        """
        columns = len(self.top)
        across, down = (max(1, round(scale)) for scale in (self.size[1] / columns, self.step)) if order else (1, 1)
        x = (np.arange(columns * across) + 0.5) * self.size[1] / (columns * across) - 0.5
        y = (np.arange(height * down) + 0.5) * self.step / down - 0.5
        rows = np.repeat(self.top, across)[None, :] + y[:, None]
        seen = _sample(image, rows, np.broadcast_to(x, rows.shape), order)
        return seen.reshape(height, down, columns, across).mean((1, 3)) if order else seen

    def back(self, picture: np.ndarray) -> np.ndarray:
        """Return a map over the view (H, W) in the pixels of the image: (h, w) float32, 0 outside the view."""
        height, width = self.size
        x = (np.arange(width) + 0.5) * len(self.top) / width - 0.5
        top = np.interp(x, np.arange(len(self.top)), self.top)
        rows = (np.arange(height)[:, None] + 0.5 - top[None, :]) / self.step - 0.5
        return _sample(picture, rows, np.broadcast_to(x, rows.shape), 1)


class View(Protocol):
    """Chooses the frame of an image."""

    height: int
    width: int

    def frame(self, image: np.ndarray) -> Frame:
        """Return the frame of an image (h, w) of grey values."""
        ...


class Whole:
    """The whole image, stretched to the size of the view."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = _sizes(height, width)

    def frame(self, image: np.ndarray) -> Frame:
        """Return the frame that covers the image."""
        return Frame(np.zeros(self.width), image.shape[0] / self.height, (image.shape[0], image.shape[1]))


class Flat:
    """A band along the pigment epithelium, the bright line at the outer border of the retina, straightened.

    The band has ``above`` and ``below`` rows of the image on the two sides of the line. A row of a B-scan is 3.9
    micrometres for any width of the scan, so rows keep their scale, and columns are spread over the width.
    """

    def __init__(self, height: int, width: int, above: int = 140, below: int = 52) -> None:
        self.height, self.width = _sizes(height, width)
        self.above, self.below = above, below

    def frame(self, image: np.ndarray) -> Frame:
        """Return the frame around the line; it is level for an image without structure."""
        line = pigment_line(image, self.width)
        return Frame(line - self.above, (self.above + self.below) / self.height, (image.shape[0], image.shape[1]))


VIEWS = {"whole": Whole, "flat": Flat}


def make_view(name: str, height: int, width: int) -> View:
    """Return a view by its name."""
    view: View = VIEWS[name](height, width)
    return view


def look(view: View, image: np.ndarray) -> tuple[np.ndarray, Frame]:
    """Return the view (H, W) uint8 of an image (h, w) uint8, and its frame."""
    image = blank_padding(image)
    frame = view.frame(image)
    return np.rint(frame.view(image, view.height)).astype(np.uint8), frame


def pigment_line(image: np.ndarray, columns: int) -> np.ndarray:
    """Return the row of the base of the pigment epithelium in evenly spread columns, (columns,).

    The lowest bright band of each column is detected in a blurred image. A cubic is fitted to these rows, weighted by
    their brightness, and refitted with small weights for rows far from it and for rows above it, where deposits lift
    the line.
    """
    height, width = image.shape
    x = (np.arange(LINE_COLUMNS) + 0.5) / LINE_COLUMNS
    ends = np.linspace(0, width, LINE_COLUMNS + 1).astype(int)
    narrow = _between(image, ends[:-1], np.maximum(ends[1:], ends[:-1] + 1), 1)
    blurred = _box(_box(_box(narrow, 7, 0), 7, 0), 3, 1)
    # Brighter than the tissue below, weighted by depth: nerve fibres are as bright as the epithelium but are above it.
    below = np.zeros_like(blurred)
    below[:-30] = _box(blurred, 41, 0)[30:]
    depth = np.cumsum(blurred, 0) / (blurred.sum(0) + 1.0)
    strength = np.clip(blurred - 0.5 * below, 0.0, None) * (1.0 + 0.35 * depth)
    rows, weights = strength.argmax(0).astype(np.float32), strength.max(0) + 1e-3
    basis = np.polynomial.chebyshev.chebvander(2 * x - 1, 3)
    keep = weights
    for _ in range(12):
        ridge = 1e-2 * keep.sum() * np.diag([0.0, 0.1, 1.0, 3.0])
        fit = basis @ np.linalg.solve(basis.T @ (keep[:, None] * basis) + ridge, basis.T @ (keep * rows))
        off = rows - fit
        keep = weights / (1.0 + (off / np.where(off < 0, 6.0, 9.0)) ** 2)
    line = np.interp((np.arange(columns) + 0.5) / columns, x, fit)
    return np.clip(line, 0, height - 1).astype(np.float32)


def blank_padding(image: np.ndarray) -> np.ndarray:
    """Return the image with zeros in white patches, with which rotated or cropped B-scans are padded.

    Saturated tissue remains, since it is never white over a patch of 9 by 9.
    """
    if min(image.shape) < 8 or not (image[4::8, 4::8] >= 250).any():
        return image
    white = (image >= 250).astype(np.float32)
    core = _box(_box(white, 9, 0), 9, 1) > 0.99
    near = _box(_box(core.astype(np.float32), 11, 0), 11, 1) > 0.0
    return np.where(near & (image >= 128), 0, image).astype(image.dtype)


def _box(image: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Return the mean over a window of ``size``, shorter at the borders."""
    place = np.arange(image.shape[axis])
    high = np.minimum(place + size // 2 + 1, len(place))
    return _between(image, np.maximum(place - size // 2, 0), high, axis)


def _between(image: np.ndarray, low: np.ndarray, high: np.ndarray, axis: int) -> np.ndarray:
    """Return the means of the ranges from ``low`` to before ``high`` along an axis, float32."""
    total = np.cumsum(np.moveaxis(image, axis, 0), 0, dtype=np.float64)
    total = np.concatenate([np.zeros_like(total[:1]), total])
    mean = (total[high] - total[low]) / (high - low).reshape(-1, *[1] * (image.ndim - 1))
    return np.moveaxis(mean, 0, axis).astype(np.float32)


def _sample(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, order: int) -> np.ndarray:
    """Return bilinear (order 1) or nearest (order 0) values, 0 outside the image."""
    height, width = image.shape
    inside = (rows > -0.51) & (rows < height - 0.49)
    if order == 0:
        y, x = (np.rint(at).astype(int).clip(0, size - 1) for at, size in ((rows, height), (columns, width)))
        return np.where(inside, image[y, x], 0)
    y, x = rows.clip(0, height - 1), columns.clip(0, width - 1)
    top, left = y.astype(int), x.astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    dy, dx = (y - top).astype(np.float32), (x - left).astype(np.float32)
    grey = image.astype(np.float32)
    upper = grey[top, left] * (1 - dx) + grey[top, right] * dx
    lower = grey[bottom, left] * (1 - dx) + grey[bottom, right] * dx
    return np.where(inside, upper * (1 - dy) + lower * dy, 0.0)


def _sizes(height: int, width: int) -> tuple[int, int]:
    for name, size in (("height", height), ("width", width)):
        if size < 8:
            raise UserError(f"data.{name} must be at least 8, got {size}")
    return height, width
