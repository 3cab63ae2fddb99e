"""An image with attention as a heat map over it, and the outline of a mask."""

# h, w size of the image

import numpy as np

__all__ = ["border", "overlay"]

HEAT = np.array([255.0, 96.0, 0.0])  # colour of attention
OUTLINE = (0, 255, 128)


def overlay(image: np.ndarray, heat: np.ndarray, mask: np.ndarray | None = None, strength: float = 0.6) -> np.ndarray:
    """Return a grey image in RGB with ``heat`` as an orange layer and the border of ``mask`` in green.

    Heat is divided by its maximum, so images are comparable in location, not in magnitude.

    Shape: image (h, w) uint8, heat (h, w) non-negative, mask (h, w) bool -> (h, w, 3) uint8.

    Raises:
        ValueError: if the sizes differ.

    >>> overlay(np.zeros((4, 5), np.uint8), np.eye(4, 5)).shape
    (4, 5, 3)
    """
    for name, other in (("heat", heat), ("mask", mask)):
        if other is not None and other.shape != image.shape:
            raise ValueError(f"{name} of shape {other.shape} does not fit the image of shape {image.shape}")
    alpha = strength * (np.clip(heat, 0.0, None) / max(float(heat.max()), 1e-12))[..., None]
    mixed = (1.0 - alpha) * image[..., None].astype(np.float64) + alpha * HEAT
    painted = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
    if mask is not None:
        painted[border(mask)] = OUTLINE
    return painted


def border(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that have a neighbour outside the mask.

    Shape: mask (h, w) bool -> (h, w) bool.

    >>> border(np.ones((3, 3), bool)).astype(int)
    array([[1, 1, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """
    wide = np.pad(mask.astype(bool), 1)
    inner = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask.astype(bool) & ~inner
