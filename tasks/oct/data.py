"""The data modules of the OCT task."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from suite.data.cache import cached, hash_arrays
from suite.data.identity import SampleRecord
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved
from suite.data.splits import Split
from suite.errors import UserError, check_at_least, did_you_mean
from tasks.oct import scans as content
from tasks.oct.augment import Augment
from tasks.oct.batch import Bags, ScanBatches
from tasks.oct.readers.class_folders import ClassFolders
from tasks.oct.readers.kermany import Kermany
from tasks.oct.readers.medmnist import MedMnist
from tasks.oct.readers.polygons import KINDS
from tasks.oct.readers.scan_table import ScanTable
from tasks.oct.scans import Scans
from tasks.oct.split import PatientSplit
from tasks.oct.synthetic import Phantom
from tasks.oct.view import VIEWS, View, make_view


class ScanReader(Reader, Protocol):
    """A reader of labelled scans. ``name`` is the first part of the names of its cached files."""

    name: ClassVar[str]

    def read(self, files: Resolved, view: View) -> Scans:
        """Return the scans as the view shows them. Raises UserError with the file for what cannot be read."""
        ...


class OctData(TaskData):
    """Base of the data modules of labelled scans; ``conf/data/oct/_base.yaml`` and ``_views.yaml`` hold the defaults.

    Args:
        reader: of the files.
        dir: directory in which files are looked for and cached.
        view: ``whole`` or ``flat``: which region of an image the network sees.
        height, width: of the view in pixels.
        bags: ``scan`` classifies each scan, ``patient`` all scans of one patient and class together.
        batch_size: number of samples in a step.
        augment: of the training scans.
        val_fraction, test_fraction, folds, fold: as in ``FractionSplit``.
        split_seed: of the split.
        seed: of order and augmentation of the training scans.

    Raises UserError for a value out of range and for an unknown view.
    """

    def __init__(
        self,
        reader: ScanReader,
        *,
        dir: str,
        view: str,
        height: int,
        width: int,
        bags: str,
        batch_size: int,
        augment: Augment,
        val_fraction: float,
        test_fraction: float,
        folds: int | None,
        fold: int,
        split_seed: int,
        seed: int,
    ) -> None:
        super().__init__(reader, dir)
        check_at_least(1, "data.batch_size", batch_size)
        if view not in VIEWS:
            raise UserError(f"data.view={view} is not known.{did_you_mean(view, VIEWS)}")
        if bags not in ("scan", "patient"):
            raise UserError(f"data.bags={bags} is not known.{did_you_mean(bags, ('scan', 'patient'))}")
        self.view_name, self.view = view, make_view(view, height, width)
        self.bags, self.batch_size, self.seed = bags, batch_size, seed
        self.augment = augment
        self.split = PatientSplit(val_fraction, test_fraction, folds, fold, split_seed)
        self._scans: Scans | None = None
        self._splits: Split | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read the scans, or take them from the cache, and split them."""
        scans = self._read(files)
        splits = self.split(scans.labels, scans.stated, scans.patients)
        _check_classes(scans, splits)
        self._scans, self._splits = scans, splits
        return {
            "split": str(self.split),
            "view": f"{self.view_name} {self.view.height} x {self.view.width}",
            "content_hash": scans.content_hash(),
            "split_hash": splits.hash(),
            "num_scans": len(scans),
            "num_patients": len(np.unique(scans.patients)),
            **splits.counts(),
        }

    @property
    def scans(self) -> Scans:
        """All scans."""
        self.setup()
        assert self._scans is not None
        return self._scans

    @property
    def splits(self) -> Split:
        """Indices of the scans of each split."""
        self.setup()
        assert self._splits is not None
        return self._splits

    def sample_record(self) -> SampleRecord:
        """Return the scans with their splits."""
        names, contents = self.scans.identities()
        content = hash_arrays({"scans": contents, "lesions": self.scans.lesions})  # no path, which may change
        return SampleRecord(names, contents, self.splits, content, self.splits.hash())

    def restore_split(self, split: Split, facts: Mapping[str, Any]) -> None:
        """Use the split and the classes of a checkpoint. Raises UserError for a scan in a split of another class."""
        self._scans, self._splits = self.scans.with_classes(facts["class_names"]), split
        for items in split:
            if (unknown := items[self._scans.labels[items] < 0]).size:
                raise UserError(f"{self._scans.names[unknown[0]]}: its class is not one of those of the model")

    def class_counts(self) -> Tensor:
        """Number of training scans of each class, (C,)."""
        labels = self.scans.labels[self.splits.train]
        return torch.from_numpy(np.bincount(labels, minlength=len(self.scans.class_names)))

    def facts(self) -> dict[str, Any]:
        """Return the size of the scans, the view, the class names, and the number of kinds of lesions."""
        scans = self.scans
        return {
            "num_channels": int(scans.pixels.shape[1]),
            "height": int(scans.pixels.shape[2]),
            "width": int(scans.pixels.shape[3]),
            "view": self.view_name,
            "class_names": list(scans.class_names),
            "num_lesions": len(KINDS) if scans.lesions.any() else 0,
        }

    def training_batches(self) -> ScanBatches:
        """Return the training batches, augmented and in a new order in each epoch."""
        return ScanBatches(self.scans, self._bags("train"), self.batch_size, self.augment, self.seed)

    def split_dataloader(self, split: str) -> ScanBatches:
        return ScanBatches(self.scans, self._bags(split), self.batch_size)

    def _bags(self, split: str) -> Bags:
        scans, chosen = self.scans, getattr(self.splits, split)
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


class MedMnistData(OctData, reader=MedMnist):
    """A two-dimensional data set of MedMNIST, in its own size and its official split."""

    def __init__(self, reader: MedMnist, *, dir: str, bags: str, batch_size: int, augment: Augment, seed: int) -> None:
        super().__init__(
            reader,
            dir=dir,
            view="whole",
            height=reader.size,
            width=reader.size,
            bags=bags,
            batch_size=batch_size,
            augment=augment,
            val_fraction=0.1,  # the fractions and the seed of the split are not used: the files state the split
            test_fraction=0.2,
            folds=None,
            fold=0,
            split_seed=0,
            seed=seed,
        )


class KermanyData(OctData, reader=Kermany):
    """B-scans in the layout of OCT2017, with outlines of lesions if there are any."""


class ClassFoldersData(OctData, reader=ClassFolders):
    """A user's own images in one folder for each class."""


class ScanTableData(OctData, reader=ScanTable):
    """A user's own images, listed in a table."""


class PhantomData(OctData, reader=Phantom):
    """Simulated B-scans."""


def _check_classes(scans: Scans, splits: Split) -> None:
    """Raise UserError if a class has no training scan, or if there is only one class."""
    counts = np.bincount(scans.labels[splits.train], minlength=len(scans.class_names))
    missing = [name for name, count in zip(scans.class_names, counts, strict=True) if not count]
    if missing:
        raise UserError(
            f"The class {missing[0]} has no training scan. Add scans of more patients, remove the class, or draw "
            "another split with data.split_seed=N"
        )
    if len(counts) < 2:
        raise UserError(f"All scans are of the class {scans.class_names[0]}; at least two classes are needed")
