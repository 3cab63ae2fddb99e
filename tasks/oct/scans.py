"""Scans in memory."""

# N scans, C channels, H height, W width

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.data.cache import hash_arrays

VERSION = 2  # of readers and views; cached scans of another version are read again


@dataclass(frozen=True)
class Scans:
    """Labelled scans of one size.

    Args:
        pixels: grey values or colours (N, C, H, W) uint8.
        labels: indices into ``class_names`` (N,) int64.
        patients: name of the patient of each scan (N,).
        stated: split that the files state (N,): train, val, test, or empty.
        names: of the scans (N,), for messages.
        lesions: (N, H, W) uint8; bit k is set in the pixels of a lesion of kind k. All 0 without outlines.
        class_names: of the classes.
    """

    pixels: np.ndarray
    labels: np.ndarray
    patients: np.ndarray
    stated: np.ndarray
    names: np.ndarray
    lesions: np.ndarray
    class_names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays for the cache."""
        plain = {name: getattr(self, name) for name in ("pixels", "labels", "patients", "stated", "names", "lesions")}
        return {**plain, "class_names": np.array(list(self.class_names), dtype=str)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Scans":
        """Return the scans of the arrays that ``arrays`` returned."""
        return cls(**{**arrays, "class_names": arrays["class_names"].tolist()})

    def content_hash(self) -> str:
        """SHA-256 over pixels, labels, patients and lesions."""
        return hash_arrays({name: self.arrays()[name] for name in ("pixels", "labels", "patients", "lesions")})
