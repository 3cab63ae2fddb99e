"""MedMNIST (Yang et al. 2023): two-dimensional data sets in official .npz files."""

# N images, H side of an image

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from suite.data.npz import read_npz, require_arrays
from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.data.splits import SPLITS
from suite.errors import UserError, did_you_mean
from tasks.oct.readers.medmnist_facts import CLASSES, LICENCES, MD5, SIZES
from tasks.oct.scans import Scans
from tasks.oct.view import View

URL = "https://zenodo.org/records/10519652/files/{file}"
FOLDER = "medmnist"


class MedMnist(SourceReader):
    """One data set of MedMNIST in its official split. Patients are not published: each image counts as another one.

    Args:
        flag: name of the data set, for example ``octmnist``.
        size: 28, 64, 128 or 224.
        source: of the file; None, or a source of another file, is replaced by the official one.

    Raises UserError for an unknown name or size, and for a data set with several labels for an image.
    """

    name: ClassVar[str] = "medmnist"

    def __init__(self, flag: str, size: int, source: Source | None) -> None:
        if flag == "chestmnist":
            raise UserError(
                "data.flag=chestmnist has several labels for an image, which this task does not support; choose another"
            )
        if flag not in CLASSES:
            raise UserError(f"data.flag={flag} is not known.{did_you_mean(flag, CLASSES)}")
        if size not in SIZES:
            raise UserError(f"data.size must be one of {', '.join(map(str, SIZES))}, got {size}")
        self.flag, self.size = flag, size
        self.file = f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
        super().__init__(source if source is not None and self.file in source.files else source_of(flag, size))

    def options(self) -> dict[str, Any]:
        return {"flag": self.flag, "size": self.size}

    def read(self, files: Resolved, view: View) -> Scans:
        """Return the images of all splits; ``view`` is not used. Raises UserError for missing or wrong arrays."""
        path = files.path(self.file)
        arrays = read_npz(path)
        images, labels, stated = [], [], []
        for split in SPLITS:
            require_arrays(path, arrays, [f"{split}_images", f"{split}_labels"])
            images.append(_images(arrays, f"{split}_images", self.size, path))
            labels.append(_labels(arrays, f"{split}_labels", len(images[-1]), len(CLASSES[self.flag]), path))
            stated += [split] * len(images[-1])
        pixels, names = np.concatenate(images), [f"{self.file}, image {number}" for number in range(len(stated))]
        lesions = np.zeros((len(pixels), self.size, self.size), dtype=np.uint8)
        patients = np.arange(len(pixels)).astype(str)
        return Scans(
            pixels,
            np.concatenate(labels),
            patients,
            np.array(stated),
            np.array(names),
            lesions,
            list(CLASSES[self.flag]),
        )


def source_of(flag: str, size: int) -> Source:
    """Return address and hash of the official file."""
    file = f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
    known = MD5.get(flag, {}).get(size)
    return Source(
        name=file.removesuffix(".npz"),
        folder=FOLDER,
        files={file: None if known is None else f"md5:{known}"},
        url=URL,
        licence=LICENCES.get(flag, "CC BY 4.0"),
        homepage="https://medmnist.com",
    )


def _images(arrays: dict[str, np.ndarray], name: str, size: int, path: Path) -> np.ndarray:
    """Images as (N, C, H, H) uint8."""
    found = arrays[name]
    if found.dtype != np.uint8 or found.shape[1:] not in ((size, size), (size, size, 3)):
        raise UserError(
            f"{path}: {name} is {found.dtype} of shape {found.shape}; expected uint8 of shape (N, {size}, {size}) or "
            f"(N, {size}, {size}, 3)"
        )
    return np.ascontiguousarray(found[:, None] if found.ndim == 3 else found.transpose(0, 3, 1, 2))


def _labels(arrays: dict[str, np.ndarray], name: str, number: int, num_classes: int, path: Path) -> np.ndarray:
    found = arrays[name]
    if found.size != number or not np.issubdtype(found.dtype, np.integer):
        raise UserError(f"{path}: {name} is {found.dtype} of shape {found.shape}; expected {number} integers")
    labels = found.reshape(-1).astype(np.int64)
    if number and not (labels.min() >= 0 and labels.max() < num_classes):
        raise UserError(f"{path}: {name} is from {labels.min()} to {labels.max()}, but there are {num_classes} classes")
    return labels
