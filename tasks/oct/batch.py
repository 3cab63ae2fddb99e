"""Batches of scans, gathered from memory and augmented as a whole."""

# B scans of a batch, N samples (bags of scans), C channels, H height, W width

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from suite.attention.ragged.segments import Segments
from tasks.oct.augment import Augment, Draws
from tasks.oct.scans import Scans


@dataclass
class ScanBatch:
    """N samples. A sample is a bag: one scan, or all scans of a patient and class.

    Args:
        pixels: (B, C, H, W) float32 in 0..1.
        bags: N segments of the B scans.
        labels: class of each sample (N,).
        lesions: (B, H, W) uint8, as in ``Scans``.
    """

    pixels: Tensor
    bags: Segments
    labels: Tensor
    lesions: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str, **_: object) -> "ScanBatch":
        """Return the batch on ``device``."""
        device = torch.device(device)
        if self.labels.device == device:
            return self
        bags = Segments(self.bags.offsets.to(device))
        return ScanBatch(self.pixels.to(device), bags, self.labels.to(device), self.lesions.to(device))


@dataclass
class Bags:
    """The scans of each sample: bag n has the scans ``members[offsets[n] : offsets[n + 1]]``."""

    members: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def single(cls, scans: np.ndarray) -> "Bags":
        """Return bags of one scan each."""
        return cls(scans, np.arange(len(scans) + 1))

    @classmethod
    def of_patients(cls, scans: np.ndarray, patients: np.ndarray, labels: np.ndarray) -> "Bags":
        """Return one bag for all scans of a patient and class."""
        order = np.lexsort((scans, labels[scans], patients[scans]))
        members = scans[order]
        keys = np.stack([np.unique(patients[members], return_inverse=True)[1], labels[members]])
        starts = np.flatnonzero(np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(0)]))
        return cls(members, np.append(starts, len(members)))

    def gather(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scans of the chosen bags, one bag after the other, and the number of scans of each."""
        lengths = np.diff(self.offsets)[chosen]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.members[np.repeat(self.offsets[:-1][chosen], lengths) + within], lengths


class ScanBatches:
    """Batches of bags; with ``augment`` they are augmented, and in a new order in each epoch.

    Order and augmentation depend on ``seed``, the epoch and the scan only, not on the batch size or on earlier batches.
    The trainer sets the epoch; otherwise each iteration is the next epoch.

    Args:
        scans: all scans.
        bags: samples of these batches.
        batch_size: number of samples in a batch.
        augment: of the scans; None for none.
        seed: of order and augmentation.
    """

    def __init__(
        self, scans: Scans, bags: Bags, batch_size: int, augment: Augment | None = None, seed: int = 0
    ) -> None:
        self.scans, self.bags, self.batch_size = scans, bags, batch_size
        self.augment, self.seed = augment, seed
        self.epoch = 0
        self.pixels, self.lesions = torch.from_numpy(scans.pixels), torch.from_numpy(scans.lesions)

    def to(self, device: torch.device | str) -> "ScanBatches":
        """Return the same batches, gathered and augmented on ``device``, to which all scans are moved once."""
        moved = copy(self)
        moved.pixels, moved.lesions = self.pixels.to(device), self.lesions.to(device)
        return moved

    @property
    def batch_sampler(self) -> "ScanBatches":
        """The object itself, since Lightning calls ``batch_sampler.set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.bags) // self.batch_size)

    def __iter__(self) -> Iterator[ScanBatch]:
        epoch, order = self.epoch, np.arange(len(self.bags))
        if self.augment is not None:
            self.epoch += 1
            first = self.bags.members[self.bags.offsets[:-1]]
            order = np.argsort(Draws(self.seed, epoch, first).uniform().numpy(), kind="stable")
        for start in range(0, len(order), self.batch_size):
            yield self.batch(order[start : start + self.batch_size], epoch)

    def batch(self, chosen: np.ndarray, epoch: int = 0) -> ScanBatch:
        """Return the chosen bags, in this order."""
        members, lengths = self.bags.gather(chosen)
        device, places = self.pixels.device, torch.from_numpy(members)
        pixels = self.pixels[places.to(device)].float().div_(255.0)
        lesions = self.lesions[places.to(device)]
        if self.augment is not None:
            pixels, lesions = self.augment(pixels, lesions, Draws(self.seed + 1, epoch, members, device))
        labels = torch.from_numpy(self.scans.labels[self.bags.members[self.bags.offsets[:-1][chosen]]])
        return ScanBatch(pixels, Segments.from_lengths(torch.from_numpy(lengths)), labels, lesions).to(device)
