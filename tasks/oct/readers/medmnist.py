"""MedMNIST (Yang et al. 2023): two-dimensional sets in official npz files, read without pickles."""

# N pictures, H side of a picture

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError, did_you_mean
from tasks.oct.readers.medmnist_facts import CLASSES, LICENCES, MD5, SIZES
from tasks.oct.scans import Scans
from tasks.oct.view import View

URL = "https://zenodo.org/records/10519652/files/{file}"
FOLDER = "medmnist"


class MedMnist:
    """One set by its ``flag`` at one of the published sizes, in its official split.

    Patients are not published, so every picture counts as one; the makers split most sets by patient themselves.
    """

    name = "medmnist"

    def __init__(self, flag: str, size: int, source: Source | None = None) -> None:
        if flag == "chestmnist":
            raise UserError(
                "data.flag=chestmnist has several labels a picture, which this task does not know; choose another"
            )
        if flag not in CLASSES:
            raise UserError(f"data.flag={flag} is not known.{did_you_mean(flag, CLASSES)}")
        if size not in SIZES:
            raise UserError(f"data.size={size} is not published; choose one of {', '.join(map(str, SIZES))}")
        self.flag, self.size = flag, size
        self.file = f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
        self.source = source if source is not None and self.file in source.files else source_of(flag, size)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The official file, found or fetched, its MD5 checked; raises UserError."""
        return resolve(self.source, data_dir)

    def options(self) -> dict[str, Any]:
        """Which set was asked for."""
        return {"flag": self.flag, "size": self.size}

    def read(self, files: Resolved, view: View) -> Scans:
        """All three parts; raises UserError, naming the file, for arrays that are missing or do not fit."""
        path = files.path(self.file)
        arrays = _load(path)
        pictures, labels, parts = [], [], []
        for part in ("train", "val", "test"):
            pictures.append(_pictures(arrays, f"{part}_images", self.size, path))
            labels.append(_labels(arrays, f"{part}_labels", len(pictures[-1]), len(CLASSES[self.flag]), path))
            parts += [part] * len(pictures[-1])
        pixels, names = np.concatenate(pictures), [f"{self.file}, picture {number}" for number in range(len(parts))]
        lesions = np.zeros((len(pixels), self.size, self.size), dtype=np.uint8)
        numbers = np.arange(len(pixels)).astype(str)
        return Scans(
            pixels, np.concatenate(labels), numbers, np.array(parts), np.array(names), lesions, list(CLASSES[self.flag])
        )


def source_of(flag: str, size: int) -> Source:
    """Where a set comes from and what its file's hash is."""
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


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is no npz file of plain arrays: {error}. Get it again") from error


def _pictures(arrays: dict[str, np.ndarray], name: str, size: int, path: Path) -> np.ndarray:
    """Pictures as (N, C, H, H) uint8."""
    found = arrays.get(name)
    if found is None or found.dtype != np.uint8 or found.shape[1:] not in ((size, size), (size, size, 3)):
        told = "is missing" if found is None else f"is {found.dtype} of shape {found.shape}"
        raise UserError(
            f"{path}: {name} {told}; expected bytes of shape (N, {size}, {size}), with a fourth side of 3 for colours"
        )
    return np.ascontiguousarray(found[:, None] if found.ndim == 3 else found.transpose(0, 3, 1, 2))


def _labels(arrays: dict[str, np.ndarray], name: str, number: int, num_classes: int, path: Path) -> np.ndarray:
    found = arrays.get(name)
    if found is None or found.size != number or not np.issubdtype(found.dtype, np.integer):
        told = "is missing" if found is None else f"is {found.dtype} of shape {found.shape}"
        raise UserError(f"{path}: {name} {told}; expected {number} whole numbers, one a picture")
    labels = found.reshape(-1).astype(np.int64)
    if number and not (labels.min() >= 0 and labels.max() < num_classes):
        raise UserError(f"{path}: {name} goes from {labels.min()} to {labels.max()}; the set has {num_classes} classes")
    return labels
