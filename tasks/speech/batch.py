"""Padded batches of utterances of similar length, with a bounded number of frames."""

# B utterances, T frames, F features, U units

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass
class SpeechBatch:
    """``features`` (B, T, F), ``lengths`` (B,), ``targets`` (B, U), ``target_lengths`` (B,), and the ``texts``.

    Features and targets are 0 beyond their lengths.
    """

    features: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    texts: tuple[str, ...]

    @classmethod
    def of(
        cls, features: Sequence[Tensor], targets: Sequence[Sequence[int]] | None = None, texts: Sequence[str] = ()
    ) -> "SpeechBatch":
        """Pad the features of some utterances, each (T, F), and their targets."""
        targets = [[]] * len(features) if targets is None else targets
        return cls(
            pad_sequence(list(features), batch_first=True),
            torch.tensor([len(one) for one in features]),
            pad_sequence([torch.tensor(one, dtype=torch.int64) for one in targets], batch_first=True),
            torch.tensor([len(one) for one in targets]),
            tuple(texts),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device | str, **_: object) -> "SpeechBatch":
        """Return the batch on a device; the same object if it is there already."""
        device = torch.device(device)
        if self.features.device == device:
            return self
        names = ("features", "lengths", "targets", "target_lengths")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class BatchSource(Protocol):
    """Makes batches: the number of frames of every utterance, and the batch of selected utterances."""

    lengths: np.ndarray

    def batch(self, selected: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        """Return the batch of the utterances with these numbers, augmented if a generator is given."""
        ...


class SpeechBatches:
    """Batches of about ``batch_frames`` frames, including padding, of utterances of similar length.

    Utterances are sorted by length and divided so that the longest of a batch times their number is within the bound; a
    single longer utterance is a batch by itself. For training, the lengths are multiplied by a random factor in
    [1 - jitter, 1 + jitter] before sorting, and the batches are shuffled, in every epoch anew. Order and augmentation
    follow torch's global generator. Otherwise the order is fixed.

    Args:
        source: makes the batches.
        selected: numbers of the utterances.
        batch_frames: bound of the frames of a batch.
        training: whether to shuffle and augment.
        jitter: see above.
    """

    def __init__(
        self, source: BatchSource, selected: np.ndarray, batch_frames: int, training: bool = False, jitter: float = 0.1
    ) -> None:
        self.source = source
        self.training = training
        self.jitter = jitter
        self.selected = selected[np.argsort(source.lengths[selected], kind="stable")]
        self.starts = _batch_starts(source.lengths[self.selected], batch_frames)

    def __len__(self) -> int:
        return len(self.starts) + 1 if len(self.selected) else 0

    def __iter__(self) -> Iterator[SpeechBatch]:
        if not self.training:
            for numbers in np.split(self.selected, self.starts)[: len(self)]:
                yield self.source.batch(numbers, None)
            return
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        factors = random.uniform(1 - self.jitter, 1 + self.jitter, len(self.selected))
        lengths = self.source.lengths[self.selected] * factors
        batches = np.split(self.selected[np.argsort(lengths, kind="stable")], self.starts)
        for place in random.permutation(len(self)):
            yield self.source.batch(batches[place], random)


def _batch_starts(lengths: np.ndarray, batch_frames: int) -> list[int]:
    """Return the first places of all batches but the first, for sorted lengths."""
    starts, start = [], 0
    for place, length in enumerate(lengths):
        if place > start and length * (place + 1 - start) > batch_frames:
            starts.append(place)
            start = place
    return starts
