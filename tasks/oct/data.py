"""The data module of the OCT task: scans read once, kept as bytes, split by patient, dealt in batches."""

import logging
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from suite.data.cache import cached
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved, Source
from suite.data.splits import Split
from suite.errors import UserError, did_you_mean
from tasks.oct import scans as content
from tasks.oct.augment import Augment
from tasks.oct.batch import Bags, Batches
from tasks.oct.readers.files import ClassFolders, ScanTable
from tasks.oct.readers.kermany import Kermany
from tasks.oct.readers.medmnist import MedMnist
from tasks.oct.readers.polygons import KINDS
from tasks.oct.scans import Scans
from tasks.oct.split import PatientSplit
from tasks.oct.synthetic import Phantom
from tasks.oct.view import VIEWS, View, make_view

logger = logging.getLogger(__name__)


class ScanReader(Reader, Protocol):
    """What reads one kind of scans: ``reader.read(reader.resolve(data_dir), view)``."""

    name: str

    def read(self, files: Resolved, view: View) -> Scans:
        """The scans as the view shows them; raises UserError naming the file."""
        ...


class OctData(TaskData):
    """Any labelled scans, by their reader.

    Args:
        reader: of the files.
        dir: where files are looked for and kept.
        view: whole | flat, what of an image the network sees, ``height`` x ``width`` of it.
        bags: scan | patient, what is classified at once: a scan, or all that a patient has of one class.
        batch_size: samples in a step.
        augment: of the training scans; none unless given.
        val_fraction, test_fraction, folds, fold, split_seed: see ``PatientSplit``.
        seed: of the order and augmentation of training scans.
    """

    def __init__(
        self,
        reader: ScanReader,
        dir: str = "data",
        view: str = "whole",
        height: int = 64,
        width: int = 128,
        bags: str = "scan",
        batch_size: int = 32,
        augment: Augment | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        folds: int | None = None,
        fold: int = 0,
        split_seed: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(reader, dir)
        if batch_size < 1:
            raise UserError(f"data.batch_size must be at least 1, got {batch_size}")
        if view not in VIEWS:
            raise UserError(f"data.view={view} is not known.{did_you_mean(view, VIEWS)}")
        if bags not in ("scan", "patient"):
            raise UserError(f"data.bags={bags} is not known.{did_you_mean(bags, ('scan', 'patient'))}")
        self.view_name, self.view = view, make_view(view, height, width)
        self.bags, self.batch_size, self.seed = bags, batch_size, seed
        self.augment = Augment() if augment is None else augment
        self.split = PatientSplit(val_fraction, test_fraction, folds, fold, split_seed)
        self._scans: Scans | None = None
        self._parts: Split | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read the scans, or take them from the cache, and split them."""
        scans = self._read(files)
        parts = self.split(scans.labels, scans.parts, scans.patients)
        _refuse_missing(scans, parts)
        self._scans, self._parts = scans, parts
        return {
            "split": str(self.split),
            "view": f"{self.view_name} {self.view.height} x {self.view.width}",
            "content_hash": scans.content_hash(),
            "split_hash": parts.hash(),
            "num_scans": len(scans),
            "num_patients": len(np.unique(scans.patients)),
            **{f"num_{name}": len(part) for name, part in zip(Split._fields, parts, strict=True)},
        }

    @property
    def scans(self) -> Scans:
        """All scans; finds and reads them where that has not been done."""
        self.setup()
        assert self._scans is not None
        return self._scans

    @property
    def parts(self) -> Split:
        """Which scans train, select and test."""
        self.setup()
        assert self._parts is not None
        return self._parts

    def class_counts(self) -> Tensor:
        """Training scans of every class, (C,)."""
        labels = self.scans.labels[self.parts.train]
        return torch.from_numpy(np.bincount(labels, minlength=len(self.scans.class_names)))

    def facts(self) -> dict[str, Any]:
        """What the model and its predictions have to know: plain values, kept in every checkpoint."""
        scans = self.scans
        return {
            "num_channels": int(scans.pixels.shape[1]),
            "height": int(scans.pixels.shape[2]),
            "width": int(scans.pixels.shape[3]),
            "view": self.view_name,
            "class_names": list(scans.class_names),
            "num_lesions": len(KINDS) if scans.lesions.any() else 0,
        }

    def training_batches(self) -> Batches:
        """The training part, augmented, in a new order every epoch."""
        return Batches(self.scans, self._bags("train"), self.batch_size, self.augment, self.seed)

    def split_dataloader(self, split: str) -> Batches:
        """One part as it is, always in the same order."""
        return Batches(self.scans, self._bags(split), self.batch_size)

    def _bags(self, split: str) -> Bags:
        scans, chosen = self.scans, getattr(self.parts, split)
        if self.bags == "patient":
            return Bags.of_patients(chosen, scans.patients, scans.labels)
        return Bags.single(chosen)

    def _read(self, files: Resolved) -> Scans:
        reader: ScanReader = self.reader
        if not files.sha256:
            return reader.read(files, self.view)
        key = {
            **dict(files.sha256),
            **{name: str(value) for name, value in reader.options().items()},
            "view": f"{self.view_name} {self.view.height} {self.view.width}",
            "version": f"scans {content.VERSION}",
        }
        return Scans.of(cached(self.dir, f"oct-{reader.name}", key, lambda: reader.read(files, self.view).arrays()))


def _refuse_missing(scans: Scans, parts: Split) -> None:
    """Raise UserError where a class has no training scan, or only one class has any."""
    counts = np.bincount(scans.labels[parts.train], minlength=len(scans.class_names))
    missing = [name for name, count in zip(scans.class_names, counts, strict=True) if not count]
    if missing:
        raise UserError(
            f"The class {missing[0]} has no scan to train on. Give it scans of more patients, remove the class, or "
            "draw another split with data.split_seed=N"
        )
    if len(counts) < 2:
        raise UserError(f"All scans are of the class {scans.class_names[0]}; there is nothing to tell apart.")


# One class for each kind of set lets its options stand beside the common ones: data.flag=octmnist, data.path=DIR.
# ``common`` are the arguments of OctData after the first.


class MedMnistData(OctData):
    """Any two-dimensional set of MedMNIST with one label a picture."""

    def __init__(
        self, flag: str = "pneumoniamnist", size: int = 28, source: Source | None = None, **common: Any
    ) -> None:
        super().__init__(MedMnist(flag, size, source), **{**common, "height": size, "width": size})


class KermanyData(OctData):
    """Folders of B-scans in the layout of OCT2017, with outlines of lesions where there are any."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(Kermany(source), **common)


class FolderData(OctData):
    """A user's own images, a folder for every class."""

    def __init__(self, path: str, patient: str | None = None, **common: Any) -> None:
        super().__init__(ClassFolders(path, patient), **common)


class TableData(OctData):
    """A user's own images, listed in a CSV file."""

    def __init__(
        self,
        path: str,
        image_column: str = "image",
        label_column: str = "label",
        patient_column: str | None = "patient",
        split_column: str | None = None,
        **common: Any,
    ) -> None:
        table = ScanTable(path, image_column, label_column, patient_column, split_column)
        super().__init__(table, **common)


class PhantomData(OctData):
    """Simulated B-scans."""

    def __init__(self, num_scans: int = 600, seed_of_scans: int = 0, **common: Any) -> None:
        super().__init__(Phantom(num_scans, seed_of_scans), **common)
