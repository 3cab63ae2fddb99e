"""Members of several ranges as one array."""

import numpy as np


def concatenate_ranges(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return first[0], ..., last[0] - 1, first[1], ..., last[1] - 1, ...; a range with last <= first is empty.

    >>> concatenate_ranges(np.array([5, 0, 2]), np.array([7, 0, 5])).tolist()
    [5, 6, 2, 3, 4]
    """
    counts = np.maximum(last - first, 0)
    begins = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(first - begins, counts)
