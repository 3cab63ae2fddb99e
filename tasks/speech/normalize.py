"""Features with mean 0 and variance 1: over every utterance, or over the training part."""

# T frames, F features

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from suite.errors import UserError, did_you_mean

FLOOR = 1e-5  # added to a variance, so that a feature that never changes becomes 0


class Normaliser(Protocol):
    """Features (T, F) -> (T, F); ``facts`` are plain values that make it again with ``from_facts``."""

    def __call__(self, features: Tensor) -> Tensor:
        """Normalise."""
        ...

    def facts(self) -> dict[str, Any]:
        """Plain values."""
        ...


class PerUtterance:
    """By the mean and variance of the utterance itself: microphone and voice are taken out."""

    def __call__(self, features: Tensor) -> Tensor:  # noqa: D102
        centred = features - features.mean(dim=0)
        return centred / (centred.square().mean(dim=0) + FLOOR).sqrt()

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": "utterance"}


class Global:
    """By the mean and variance of the training part: loudness and length of pauses stay visible."""

    def __init__(self, mean: Sequence[float], variance: Sequence[float]) -> None:
        self.mean, self.variance = torch.tensor(mean), torch.tensor(variance)

    def __call__(self, features: Tensor) -> Tensor:  # noqa: D102
        return (features - self.mean) / (self.variance + FLOOR).sqrt()

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": "global", "mean": self.mean.tolist(), "variance": self.variance.tolist()}


def learn_normaliser(kind: str, training: Iterable[Tensor]) -> Normaliser:
    """The normaliser called ``kind``; ``training`` is gone through only where statistics are needed."""
    if kind == "utterance":
        return PerUtterance()
    if kind != "global":
        raise UserError(f"data.normalise={kind} is not known.{did_you_mean(kind, ['utterance', 'global'])}")
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for features in training:
        count += len(features)
        total = total + features.double().sum(dim=0)
        squares = squares + features.double().square().sum(dim=0)
    mean = total / count
    return Global(mean.float().tolist(), (squares / count - mean.square()).float().tolist())


def from_facts(facts: Mapping[str, Any]) -> Normaliser:
    """The normaliser that a checkpoint remembers."""
    return PerUtterance() if facts["kind"] == "utterance" else Global(facts["mean"], facts["variance"])
