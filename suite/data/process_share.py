"""Evaluation with several processes: each evaluates its share of the batches, and the results of all are gathered."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch.distributed as dist


class ProcessRank(NamedTuple):
    """The rank of this process and the number of processes."""

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> "ProcessRank":
        """Return the rank in torch's default process group; without a group there is one process."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()


class EvaluationShare:
    """The batches of a loader that this process evaluates: number ``rank``, ``rank + world``, and so on.

    No batch is repeated, so processes may have different numbers of batches.

    Args:
        loader: any iterable of batches, the same in each process.
    """

    def __init__(self, loader: Iterable[Any]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        rank, world = ProcessRank.current()
        return islice(iter(self.loader), rank, None, world)


def gather(own: list[Any]) -> list[Any]:
    """Return the results of all processes, in the order of the loader, from those of each ``EvaluationShare``.

    All processes must call it. Metrics computed from the result do not depend on the number of processes.
    """
    world = ProcessRank.current().world
    if world == 1:
        return own
    shares: list[Any] = [None] * world
    dist.all_gather_object(shares, own)
    return [share[number] for number in range(len(shares[0])) for share in shares if number < len(share)]
