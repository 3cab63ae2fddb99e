"""Images as grey values: files, arrays and PIL images."""

# h, w size of an image

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from suite.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm")
SMALLEST = 8  # rows and columns
WIDE_MODES = ("I;16", "I;16B", "I;16L", "I", "F")  # modes of PIL with more than 8 bits


def read_image(path: Path | str) -> np.ndarray:
    """Return the grey values of a file, (h, w) uint8.

    Colours and palettes become luminance, transparent pixels black. Values of more than 8 bits are scaled so that the
    largest becomes 255, since scanners store 10 or 12 bits in 16. DICOM (``.dcm``) needs pydicom.

    Raises UserError with the file for what is not an image, is truncated or empty, contains several images, has NaN or
    infinite pixels, or fewer than 8 rows or columns.
    """
    path = Path(path)
    try:
        values = _dicom(path) if path.suffix.lower() == ".dcm" else _picture(path)
    except UserError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        empty = path.is_file() and path.stat().st_size == 0
        why = "the file is empty" if empty else str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read as an image: {why}. Save it again, or remove it") from error
    return grey_values(values, str(path))


def grey_values(values: np.ndarray, name: str) -> np.ndarray:
    """Return an array of pixels as grey values (h, w) uint8; ``name`` is for messages.

    Shape: (h, w), of any type of number; or (h, w, 1), (h, w, 3) or (h, w, 4) uint8. Raises UserError as
    ``read_image`` does.
    """
    if values.ndim == 3 and values.shape[2] in (1, 3, 4):
        if values.shape[2] == 1:
            values = values[..., 0]
        elif values.dtype == np.uint8:
            values = _grey(Image.fromarray(values))
    if values.ndim != 2:
        raise UserError(f"{name} contains an array of shape {values.shape}; save its B-scans one by one")
    if min(values.shape) < SMALLEST:
        raise UserError(f"{name} has {values.shape[0]} x {values.shape[1]} pixels; at least {SMALLEST} each are needed")
    return _bytes(values, name)


def grey_image(image: Image.Image, name: str) -> np.ndarray:
    """Return a PIL image as grey values (h, w) uint8; ``name`` is for messages. Raises UserError as ``read_image``."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UserError(f"{name} contains {frames} images; save its B-scans one by one")
    return grey_values(_grey(image), name)


def is_image(path: Path) -> bool:
    """Whether the name of a file ends as that of an image."""
    return path.suffix.lower() in SUFFIXES


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        image.load()
        return grey_image(image, str(path))


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in WIDE_MODES:
        return np.asarray(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return np.asarray(image.convert("RGB").convert("L") if image.mode == "P" else image.convert("L"))


def _dicom(path: Path) -> np.ndarray:
    try:
        import pydicom
    except ImportError as error:
        raise UserError(f"{path} is DICOM, which needs pydicom: pip install 'attention-suite[dicom]'") from error
    try:
        content: Any = pydicom.dcmread(path)
        values = np.asarray(content.pixel_array)
    except Exception as error:  # pydicom raises several types for the same broken file
        raise UserError(f"{path} cannot be read as DICOM: {error}. Export it again, or remove it") from error
    if values.ndim == 3 and values.shape[-1] == 3:
        values = values.mean(-1)
    return values.max() - values if content.get("PhotometricInterpretation") == "MONOCHROME1" else values


def _bytes(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        raise UserError(f"{name}: the pixel in row {row}, column {column} is NaN or infinite; correct the image")
    numbers -= min(numbers.min(), 0.0)
    return np.rint(numbers * (255.0 / max(numbers.max(), 1e-12))).astype(np.uint8)
