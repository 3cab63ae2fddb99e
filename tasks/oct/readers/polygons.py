"""Outlines of lesions: read from text files, and filled into masks."""

# h, w size of an image

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from suite.errors import UserError

KINDS = (
    "intraretinal cyst",
    "lamellar macular rupture",
    "neuroepithelium detachment",
    "retinal drusen",
    "subretinal fluid",
    "subretinal hyperreflective material",
    "vitreomacular traction",
    "vitreous detachment",
)
Polygon = tuple[int, np.ndarray]  # kind; corners (n, 2) as x, y in 0..1


def read_polygons(path: Path) -> list[Polygon]:
    """Return the outlines of a file, ``kind x1 y1 x2 y2 ...`` on each line. Raises UserError with the line."""
    polygons = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            kind, corners = int(words[0]), np.array([float(word) for word in words[1:]]).reshape(-1, 2)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: expected 'kind x1 y1 x2 y2 ...' ({error})") from error
        if not 0 <= kind < len(KINDS) or len(corners) < 3 or not np.isfinite(corners).all():
            raise UserError(
                f"{path}, line {number}: kind {kind} with {len(corners)} corners; kinds are from 0 to "
                f"{len(KINDS) - 1}, and an outline needs at least 3 corners with finite coordinates"
            )
        polygons.append((kind, corners))
    return polygons


def fill(polygons: list[Polygon], size: tuple[int, int]) -> np.ndarray:
    """Return a mask (h, w) uint8: bit k is set in the pixels inside an outline of kind k."""
    height, width = size
    mask = np.zeros(size, dtype=np.uint8)
    for kind, corners in polygons:
        layer = Image.new("1", (width, height))
        places = [(float(x * width), float(y * height)) for x, y in corners]
        ImageDraw.Draw(layer).polygon(places, fill=1, outline=1)
        mask |= np.asarray(layer).astype(np.uint8) << kind
    return mask
