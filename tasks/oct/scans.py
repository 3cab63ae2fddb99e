"""Scans in memory."""

# N scans, C channels, H height, W width

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from suite.data.cache import hash_arrays
from suite.data.identity import digests

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

    def with_classes(self, class_names: Sequence[str]) -> "Scans":
        """Return the scans with labels into ``class_names``; -1 for a scan of another class."""
        number_of = {name: number for number, name in enumerate(class_names)}
        numbers = np.array([number_of.get(name, -1) for name in self.class_names], dtype=np.int64)
        return replace(self, labels=numbers[self.labels], class_names=class_names)

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """Return names and contents for a ``SampleRecord``: of each scan its name, and pixels, class and patient."""
        classes = [self.class_names[label] for label in self.labels.tolist()]
        patients = self.patients.tolist()
        if len(set(patients)) == len(patients):  # each scan is its own patient, who is named after the file
            patients = [""] * len(patients)
        contents = digests(zip(map(np.ndarray.tobytes, self.pixels), classes, patients, strict=True))
        return digests(self.names.tolist()), contents

    def content_hash(self) -> str:
        """SHA-256 over pixels, labels, patients and lesions."""
        return hash_arrays({name: self.arrays()[name] for name in ("pixels", "labels", "patients", "lesions")})
