"""Normalization of features to mean 0 and variance 1, by utterance or by the training split."""

# T frames, F features

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from suite.errors import UserError, did_you_mean

FLOOR = 1e-5  # added to a variance, so that a constant feature becomes 0


class Normalizer(Protocol):
    """Normalizes features (T, F)."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return normalized features (T, F)."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return plain values for ``normalizer_from_facts``."""
        ...


class UtteranceNormalizer:
    """Normalizes by the mean and variance of the utterance, which removes effects of microphone and voice."""

    def __call__(self, features: Tensor) -> Tensor:
        centered = features - features.mean(dim=0)
        return centered / (centered.square().mean(dim=0) + FLOOR).sqrt()

    def facts(self) -> dict[str, Any]:
        return {"kind": "utterance"}


class GlobalNormalizer:
    """Normalizes by the mean and variance of the training split, which preserves differences between utterances."""

    def __init__(self, mean: Sequence[float], variance: Sequence[float]) -> None:
        self.mean, self.variance = torch.tensor(mean), torch.tensor(variance)

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) / (self.variance + FLOOR).sqrt()

    def facts(self) -> dict[str, Any]:
        return {"kind": "global", "mean": self.mean.tolist(), "variance": self.variance.tolist()}


def learn_normalizer(kind: str, training: Iterable[Tensor]) -> Normalizer:
    """Return the normalizer ``utterance`` or ``global``.

    ``training`` are the features of the training utterances, each (T, F); only ``global`` reads them. Raises UserError
    for another kind.
    """
    if kind == "utterance":
        return UtteranceNormalizer()
    if kind != "global":
        raise UserError(f"data.normalize={kind} does not exist.{did_you_mean(kind, ['utterance', 'global'])}")
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for features in training:
        count += len(features)
        total = total + features.double().sum(dim=0)
        squares = squares + features.double().square().sum(dim=0)
    mean = total / count
    return GlobalNormalizer(mean.float().tolist(), (squares / count - mean.square()).float().tolist())


def normalizer_from_facts(facts: Mapping[str, Any]) -> Normalizer:
    """Return the normalizer that ``Normalizer.facts`` describes."""
    return UtteranceNormalizer() if facts["kind"] == "utterance" else GlobalNormalizer(facts["mean"], facts["variance"])
