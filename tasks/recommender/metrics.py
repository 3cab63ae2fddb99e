"""Ranking protocols, and metrics of what is recommended beside its accuracy."""

# B events, I items (column 0 of scores is padding), K length of the list

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from suite.errors import UserError, did_you_mean
from suite.metrics.ranking import target_ranks


class RankingProtocol(Protocol):
    """Which items a target is ranked among. ``suffix`` is appended to the names of metrics."""

    suffix: str

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The rank of each target, counted from 0: (B, I + 1), (B,) -> (B,)."""
        ...


class FullRanking:
    """Ranks a target among all items; the default, and the only protocol suitable for comparing models.

    Args:
        filter_seen: whether the other items of the history are left out of the ranking.
    """

    def __init__(self, filter_seen: bool = True) -> None:
        self.filter_seen = filter_seen
        self.suffix = "" if filter_seen else "_unfiltered"

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The rank of each target, (B,)."""
        return target_ranks(scores, targets, seen if self.filter_seen else None)


class SampledRanking:
    """Ranks a target among items drawn uniformly from those that the user has not seen; for comparison with old papers.

    It orders models differently from the full ranking (Krichene & Rendle 2020), so the suffix is part of the name of
    each metric. The drawn items depend on the targets of a batch and ``seed`` only.

    Args:
        number: of drawn items.
        seed: of the draw.
    """

    def __init__(self, number: int = 100, seed: int = 0) -> None:
        self.number, self.seed = number, seed
        self.suffix = f"_sampled{number}"

    def __call__(self, scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        """The rank of each target, (B,)."""
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
    """The protocol of a name. Raises UserError for an unknown name."""
    if name not in PROTOCOLS:
        raise UserError(f"module.protocol={name} is not known.{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]()


def list_metrics(lists: Tensor, popularity: Tensor) -> dict[str, float]:
    """Coverage and popularity of recommended lists (B, K), named ``coverage@K`` and ``popularity@K``.

    coverage = |items in lists| / I;   popularity = mean over lists of popularity[item] / max over items of popularity

    ``popularity`` (I + 1,) counts training events. A value far above that of the targets shows a bias towards popular
    items.

    >>> list_metrics(torch.tensor([[1, 2], [1, 3]]), torch.tensor([0, 4, 2, 2, 0]))
    {'coverage@2': 0.75, 'popularity@2': 0.75}
    """
    items, k = lists.flatten(), lists.shape[1]
    return {
        f"coverage@{k}": float(items.unique().numel() / (len(popularity) - 1)),
        f"popularity@{k}": float(popularity[items].double().mean() / popularity.max().clamp(min=1)),
    }
