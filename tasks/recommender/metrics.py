"""Ranking metrics: where the item that came next stands among all items, or among a sample."""

# B events, I items, K length of the list

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from suite.errors import UserError, did_you_mean
from suite.metrics.ranking import target_ranks


class RankingProtocol(Protocol):
    """Turns scores into ranks, and has a suffix for the names of metrics."""

    suffix: str

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The place of every target, (B,)."""
        ...


class FullRanking:
    """Among all items, without those seen before: the default, and the only one to compare models with."""

    def __init__(self, filter_seen: bool = True) -> None:
        self.filter_seen = filter_seen
        self.suffix = "" if filter_seen else "_unfiltered"

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The place of every target, (B,)."""
        return target_ranks(scores, targets, seen if self.filter_seen else None)


class SampledRanking:
    """Among ``number`` items drawn evenly from those never seen: for comparison with old papers alone.

    It ranks models in another order than the full list does (Krichene & Rendle 2020), so its name stands in every
    metric. The draw depends on the targets of a batch and ``seed`` alone.
    """

    def __init__(self, number: int = 100, seed: int = 0) -> None:
        self.number, self.seed = number, seed
        self.suffix = f"_sampled{number}"

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The place of every target, (B,)."""
        generator = torch.Generator().manual_seed(self.seed + int(targets.sum()))
        keys = torch.rand(scores.shape, generator=generator).to(scores.device)
        keys[:, 0] = -1.0
        keys[seen] = -1.0
        keys[torch.arange(len(targets), device=targets.device), targets] = -1.0
        drawn, items = keys.topk(min(self.number, scores.shape[1]), dim=1)
        others = scores.gather(1, items)
        at_target = scores.gather(1, targets[:, None])
        return (~(others < at_target) & (drawn >= 0)).sum(1)


PROTOCOLS: dict[str, Callable[[], RankingProtocol]] = {
    "full": lambda: FullRanking(),
    "full_unfiltered": lambda: FullRanking(False),
    "sampled100": SampledRanking,
}


def find_protocol(name: str) -> RankingProtocol:
    """A protocol by its name; raises UserError for another."""
    if name not in PROTOCOLS:
        raise UserError(f"protocol={name} is not known.{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]()


def beyond_accuracy(lists: Sequence[Tensor], popularity: Tensor, k: int) -> dict[str, float]:
    """What is recommended at all: the part of all items in some list, and how popular the recommended ones are.

    coverage = |items in lists| / I;   popularity = mean over lists of popularity[item] / max over items of it.
    ``popularity`` (I + 1,) counts training events. Next to that of the targets it shows a bias for the popular.
    """
    shown = torch.cat([rows.flatten() for rows in lists])
    return {
        f"coverage@{k}": float(shown.unique().numel() / (len(popularity) - 1)),
        f"popularity@{k}": float(popularity[shown].double().mean() / popularity.max().clamp(min=1)),
    }
