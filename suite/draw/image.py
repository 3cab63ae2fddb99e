"""A picture with what was looked at laid over it, and the outline of what should have been."""

# h, w size of the picture

import numpy as np

HEAT = np.array([255.0, 96.0, 0.0])  # colour of attention
OUTLINE = (0, 255, 128)


def overlay(image: np.ndarray, heat: np.ndarray, mask: np.ndarray | None = None, strength: float = 0.6) -> np.ndarray:
    """The grey picture, warmer where ``heat`` is high, with the border of ``mask`` drawn in.

    Heat is scaled by its own maximum, so that pictures can be compared by where, not by how much.

    Shape: image (h, w) uint8, heat (h, w) of at least 0, mask (h, w) bool -> (h, w, 3) uint8. Raises ValueError where
    the sizes differ.

    >>> overlay(np.zeros((4, 5), np.uint8), np.eye(4, 5)).shape
    (4, 5, 3)
    """
    for name, other in (("heat", heat), ("mask", mask)):
        if other is not None and other.shape != image.shape:
            raise ValueError(f"{name} of shape {other.shape} does not lie over an image of shape {image.shape}")
    alpha = strength * (np.clip(heat, 0.0, None) / max(float(heat.max()), 1e-12))[..., None]
    mixed = (1.0 - alpha) * image[..., None].astype(np.float64) + alpha * HEAT
    painted = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
    if mask is not None:
        painted[border(mask)] = OUTLINE
    return painted


def border(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask (h, w) that have a neighbour outside it.

    >>> border(np.ones((3, 3), bool)).astype(int)
    array([[1, 1, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """
    wide = np.pad(mask.astype(bool), 1)
    inner = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask.astype(bool) & ~inner
