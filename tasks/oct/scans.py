"""Scans in memory: pixels as bytes, labels, patients, lesions."""

# N scans, C channels, H height, W width

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.data.cache import hash_arrays

VERSION = 1  # of what readers make of their files; cached scans of another version are read again


@dataclass(frozen=True)
class Scans:
    """Labelled scans of one size.

    ``pixels`` (N, C, H, W) uint8; ``labels`` (N,) int64 into ``class_names``; ``patients``, ``parts`` (train, val,
    test, or empty where the files do not say) and ``names`` (N,) text; ``lesions`` (N, H, W) uint8, bit k set where
    lesion kind k lies, all 0 where nobody drew any.
    """

    pixels: np.ndarray
    labels: np.ndarray
    patients: np.ndarray
    parts: np.ndarray
    names: np.ndarray
    lesions: np.ndarray
    class_names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as plain arrays, for the cache."""
        plain = {name: getattr(self, name) for name in ("pixels", "labels", "patients", "parts", "names", "lesions")}
        return {**plain, "class_names": np.array(list(self.class_names), dtype=str)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Scans":
        """From what ``arrays`` gave."""
        return cls(**{**arrays, "class_names": arrays["class_names"].tolist()})

    def content_hash(self) -> str:
        """SHA-256 of everything the network sees or is measured by."""
        return hash_arrays({name: self.arrays()[name] for name in ("pixels", "labels", "patients", "lesions")})
