"""A simulator of OCT B-scans: layers, speckle, shadows, and lesions of four classes with exact outlines."""

# B scans, H rows, W columns; depths are in micrometres from the top

from typing import NamedTuple

import numpy as np

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
DEPTH = 750.0  # micrometres from the first row to the last
CYST, DETACHMENT, DRUSE, MATERIAL = 0, 2, 3, 5  # kinds, as in polygons.KINDS

# Reflectance of the layers, from vitreous to choroid.
REFLECTANCE = {
    "vitreous": 0.03, "nerve fibres": 0.60, "ganglion cells": 0.36, "inner nuclear": 0.22, "outer plexiform": 0.38,
    "outer nuclear": 0.16, "ellipsoid": 0.62, "outer segments": 0.30, "fluid": 0.04, "material": 0.52,
    "epithelium": 0.95, "under epithelium": 0.30, "choroid": 0.42,
}  # fmt: skip


class Lesions(NamedTuple):
    """Thickness of the lesions in each column, micrometres (B, W); ``cysts`` (B, E, 4): column, depth, two radii."""

    druse: np.ndarray
    material: np.ndarray
    fluid: np.ndarray
    swelling: np.ndarray
    cysts: np.ndarray


def simulate(
    labels: np.ndarray, height: int, width: int, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and masks of lesions, (B, H, W) uint8 each, for the labels (B,)."""
    x = np.linspace(-1.0, 1.0, width)[None, :]
    row = DEPTH / height
    depth = (np.arange(height) + 0.5)[None, :, None] * row
    lesions = _lesions(labels, x, random)
    bounds = _boundaries(lesions, x, random)
    image = np.full((len(labels), height, width), REFLECTANCE["vitreous"], dtype=np.float32)
    before = REFLECTANCE["vitreous"]
    for name, bound in bounds.items():
        edge = np.clip((depth - bound[:, None, :]) / row + 0.5, 0.0, 1.0)  # fraction of the pixel below the boundary
        image += (REFLECTANCE[name] - before) * edge.astype(np.float32)
        before = REFLECTANCE[name]
    masks = _masks(lesions, bounds, depth)
    masks |= _draw_cysts(image, lesions.cysts, bounds, x, depth) << CYST
    _shade(image, bounds, x, depth, random)
    return _speckle(image, random), masks


def _lesions(labels: np.ndarray, x: np.ndarray, random: np.random.RandomState) -> Lesions:
    """Draw lesions for the class of each scan."""
    cnv, dme, drusen = (labels == CLASSES.index(name) for name in ("CNV", "DME", "DRUSEN"))
    some = random.rand(5, len(labels))
    small = (
        _bumps(x, random, len(labels), 9, heights=(18, 75), widths=(0.02, 0.06))
        * (drusen | (cnv & (some[0] < 0.4)))[:, None]
    )
    large = (
        _bumps(x, random, len(labels), 2, heights=(70, 190), widths=(0.10, 0.28)) * (cnv & (some[1] < 0.75))[:, None]
    )
    ragged = 1.0 + 0.35 * _waves(x, random, len(labels), 8, 24)
    spread = _bumps(x, random, len(labels), 2, heights=(35, 110), widths=(0.08, 0.25))
    material = spread * np.clip(ragged, 0.3, None) * (cnv & ((some[2] < 0.7) | (some[1] >= 0.75)))[:, None]
    dome = _bumps(x, random, len(labels), 1, heights=(60, 180), widths=(0.12, 0.32))
    fluid = dome * ((cnv & (some[3] < 0.55)) | (dme & (some[3] < 0.15)))[:, None]
    cystic = dme | (cnv & (some[4] < 0.4))
    swelling = 1.0 + _bumps(x, random, len(labels), 1, heights=(0.4, 1.6), widths=(0.2, 0.5)) * dme[:, None]
    cysts = np.stack(
        [
            random.normal(0.0, 0.3, (len(labels), 12)),  # column
            random.uniform(0.1, 0.9, (len(labels), 12)),  # relative depth between inner and outer nuclear layer
            random.uniform(0.012, 0.07, (len(labels), 12)),  # half width
            random.uniform(10.0, 70.0, (len(labels), 12)),  # half height
        ],
        axis=2,
    )
    number = random.randint(2, 13, len(labels)) * cystic
    cysts[np.arange(12)[None, :] >= number[:, None]] = 0.0
    return Lesions(small + large * np.clip(ragged, 0.6, None), material, fluid, swelling, cysts)


def _boundaries(lesions: Lesions, x: np.ndarray, random: np.random.RandomState) -> dict[str, np.ndarray]:
    """Depth (B, W) of the upper boundary of each layer by its name, from the top."""
    number = len(lesions.druse)

    def draw(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (number, 1))

    wave = 6.0 * _waves(x, random, number, 1, 4)
    base = draw(500, 580) + draw(-45, 45) * x + draw(-50, 50) * x**2 + wave
    fovea = 1.0 - draw(0.55, 0.97) * np.exp(-(((x - draw(-0.5, 0.5)) / draw(0.10, 0.22)) ** 2))
    fovea = np.where(draw(0, 1) < 0.75, fovea, 1.0)  # a quarter of the scans do not cross the fovea
    swell = lesions.swelling
    lifted = lesions.druse + lesions.material + lesions.fluid
    sharp = lifted - _smooth(lifted, lifted.shape[1] // 6)  # by which the outer nuclear layer gets thinner
    bounds = {"choroid": base}
    above = [
        ("under epithelium", lesions.druse),
        ("epithelium", draw(16, 26)),
        ("material", lesions.material),
        ("fluid", lesions.fluid),
        ("outer segments", draw(14, 24)),
        ("ellipsoid", draw(14, 22)),
        ("outer nuclear", np.maximum(draw(65, 95) * (1.25 - 0.25 * fovea) * swell - 0.9 * sharp, 15.0)),
        ("outer plexiform", draw(20, 32) * fovea),
        ("inner nuclear", draw(32, 48) * fovea * swell),
        ("ganglion cells", draw(60, 90) * fovea),
        ("nerve fibres", draw(18, 50) * (0.3 + 0.7 * fovea) * (1.0 + 0.4 * x * draw(-1, 1))),
    ]
    for name, thickness in above:
        base = base - thickness
        bounds[name] = base
    return dict(reversed(bounds.items()))


def _masks(lesions: Lesions, bounds: dict[str, np.ndarray], depth: np.ndarray) -> np.ndarray:
    """Masks (B, H, W) of the lesions between boundaries."""
    masks = np.zeros((len(lesions.druse), depth.shape[1], lesions.druse.shape[1]), dtype=np.uint8)
    layers = (
        (DRUSE, "epithelium", "choroid", lesions.druse > 8.0),  # with the epithelium above them, as experts draw them
        (MATERIAL, "material", "epithelium", lesions.material > 8.0),
        (DETACHMENT, "fluid", "material", lesions.fluid > 8.0),
    )
    for kind, top, bottom, there in layers:
        inside = (depth >= bounds[top][:, None]) & (depth < bounds[bottom][:, None]) & there[:, None]
        masks |= inside.astype(np.uint8) << kind
    return masks


def _draw_cysts(
    image: np.ndarray, cysts: np.ndarray, bounds: dict[str, np.ndarray], x: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Draw the cysts into the image in place; return their mask (B, H, W) uint8."""
    inside = np.zeros(image.shape, dtype=bool)
    number = np.arange(len(image))
    for column, share, across, down in np.moveaxis(cysts, 2, 0).transpose(2, 0, 1):
        place = np.rint((column.clip(-0.95, 0.95) + 1) / 2 * (x.shape[1] - 1)).astype(int)
        top, bottom = bounds["inner nuclear"][number, place], bounds["ellipsoid"][number, place]
        middle = top + share * (bottom - top)
        reach = np.minimum(down, np.minimum(middle - top, bottom - middle) + 8.0)
        there = (across > 0) & (reach > 4.0)
        y = (depth - middle[:, None, None]) / np.where(there, reach, 1.0)[:, None, None]
        z = (x - column[:, None])[:, None, :] / np.where(there, across, 1.0)[:, None, None]
        inside |= (y**2 + z**2 < 1.0) & there[:, None, None]
    image[inside] = REFLECTANCE["fluid"]
    return inside.astype(np.uint8)


def _shade(
    image: np.ndarray, bounds: dict[str, np.ndarray], x: np.ndarray, depth: np.ndarray, random: np.random.RandomState
) -> None:
    """Add shadows of vessels, attenuation with depth and texture of the choroid, in place."""
    number = len(image)
    shadow = np.ones((number, x.shape[1]))
    for _ in range(5):
        place, wide, dark = (random.uniform(low, high, (number, 1)) for low, high in ((-1, 1), (0.006, 0.02), (0, 0.6)))
        shadow *= 1.0 - dark * np.exp(-(((x - place) / wide) ** 2))
    inside = depth > bounds["ganglion cells"][:, None]
    image *= np.where(inside, shadow[:, None], 1.0)
    choroid = np.clip(depth - bounds["choroid"][:, None], 0.0, None)
    vessels = 1.0 + 0.35 * _waves(x, random, number, 5, 20)[:, None] * np.sin(
        choroid / random.uniform(18, 40, (number, 1, 1))
    )
    image *= np.where(choroid > 0, vessels * np.exp(-choroid / random.uniform(70, 220, (number, 1, 1))), 1.0)


def _speckle(image: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return the image (B, H, W) uint8 with multiplicative speckle noise, in logarithmic grey values."""
    number = len(image)
    looks = random.randint(3, 12, (number, 1, 1))  # number of scans that a device averages
    noise = random.standard_gamma(np.broadcast_to(looks, image.shape)) / looks
    noise = (np.roll(noise, 1, 2) + 2.0 * noise + np.roll(noise, -1, 2)) / 4.0
    floor = random.uniform(0.005, 0.03, (number, 1, 1)) * random.standard_gamma(1.0, image.shape)
    gain = random.uniform(3.0, 12.0, (number, 1, 1))
    shown = np.log1p(gain * (image * noise + floor)) / np.log1p(gain)
    return np.rint(np.clip(shown, 0.0, 1.0) * 255 * random.uniform(0.7, 1.0, (number, 1, 1))).astype(np.uint8)


def _bumps(
    x: np.ndarray,
    random: np.random.RandomState,
    number: int,
    most: int,
    heights: tuple[float, float],
    widths: tuple[float, float],
) -> np.ndarray:
    """Maximum (B, W) of 1 to ``most`` bell curves, at least 2 if ``most`` allows it."""
    place = random.uniform(-0.85, 0.85, (number, most, 1))
    height = random.uniform(*heights, (number, most, 1))
    wide = random.uniform(*widths, (number, most, 1))
    count = random.randint(min(2, most), most + 1, (number, 1, 1))
    bells = height * np.exp(-(((x[:, None, :] - place) / wide) ** 2)) * (np.arange(most)[None, :, None] < count)
    return bells.max(1)


def _smooth(lines: np.ndarray, size: int) -> np.ndarray:
    """Moving mean of each row (B, W), applied twice."""
    for _ in range(2):
        wide = np.pad(lines, ((0, 0), (size, size)), mode="edge")
        total = np.cumsum(wide, axis=1)
        lines = (total[:, 2 * size :] - np.pad(total, ((0, 0), (1, 0)))[:, : -2 * size - 1]) / (2 * size + 1)
    return lines


def _waves(x: np.ndarray, random: np.random.RandomState, number: int, low: int, high: int) -> np.ndarray:
    """Mean (B, W) of three sines with ``low`` to ``high`` half waves along the scan."""
    total = np.zeros((number, x.shape[1]))
    for _ in range(3):
        total += np.sin(random.uniform(low, high, (number, 1)) * np.pi * x + random.uniform(0, 2 * np.pi, (number, 1)))
    return total / 3.0
