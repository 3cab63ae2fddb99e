"""Utterances as a network reads them: padded batches of like length, bounded by frames."""

# B utterances, T frames, F features, U units

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True)
class SpeechBatch:
    """``features`` (B, T, F), ``lengths`` (B,); ``targets`` (B, U) and ``target_lengths`` (B,); ``texts`` as written.

    Beyond its length an utterance is 0, and so are its targets.
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
        """Pad some utterances, each (T, F)."""
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
        """The same batch on another device; itself where it is there already."""
        device = torch.device(device)
        if self.features.device == device:
            return self
        names = ("features", "lengths", "targets", "target_lengths")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class Loader(Protocol):
    """What batches are made of: how long every utterance is, and the batch of some of them."""

    lengths: np.ndarray

    def batch(self, chosen: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        """The chosen utterances, augmented where a generator is given."""
        ...


class Batches:
    """Batches of about ``batch_frames`` frames, padding counted, of utterances of about one length.

    In the order of length the utterances are cut so that a batch's longest member times their number is within the
    bound; a longer one is a batch of its own. Training draws the order anew every epoch: lengths are first jittered by
    a share of ``jitter``, cut into batches of the same sizes, and the batches are shuffled. Order and augmentation
    follow torch's generator, and so the seed of the run. Otherwise the order is always the same.
    """

    def __init__(
        self, loader: Loader, chosen: np.ndarray, batch_frames: int, training: bool = False, jitter: float = 0.1
    ) -> None:
        self.loader = loader
        self.training = training
        self.jitter = jitter
        self.chosen = chosen[np.argsort(loader.lengths[chosen], kind="stable")]
        self.cuts = _cuts(loader.lengths[self.chosen], batch_frames)

    def __len__(self) -> int:
        return len(self.cuts) + 1 if len(self.chosen) else 0

    def __iter__(self) -> Iterator[SpeechBatch]:
        if not self.training:
            for part in np.split(self.chosen, self.cuts)[: len(self)]:
                yield self.loader.batch(part, None)
            return
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        lengths = self.loader.lengths[self.chosen] * random.uniform(1 - self.jitter, 1 + self.jitter, len(self.chosen))
        batches = np.split(self.chosen[np.argsort(lengths, kind="stable")], self.cuts)
        for place in random.permutation(len(self)):
            yield self.loader.batch(batches[place], random)


def _cuts(lengths: np.ndarray, most: int) -> list[int]:
    """Where batches begin, but the first, in sorted lengths."""
    cuts, start = [], 0
    for place, length in enumerate(lengths):
        if place > start and length * (place + 1 - start) > most:
            cuts.append(place)
            start = place
    return cuts
