"""Data that stay on the device: a small set is moved there once, not batch by batch."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from suite.errors import UserError


class ResidentBatches:
    """The batches of a loader that gives the same ones every time: made, and moved to ``device``, once."""

    def __init__(self, loader: Iterable[Any], device: torch.device) -> None:
        self.loader, self.device = loader, device
        self._batches: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        if not self._batches:
            self._batches = [batch.to(self.device) for batch in self.loader]
        return iter(self._batches)


def check_resident(resident: bool, prefetch: int) -> None:
    """Raise UserError where both are asked for: another process could not reach what this one keeps on its GPU."""
    if resident and prefetch:
        raise UserError(
            f"resident=true makes batches where the data are, which prefetch={prefetch} would do in another process; "
            "leave one of the two out"
        )


def on_device(loader: Any, device: torch.device) -> Any:
    """``loader``, making its batches on ``device`` where it can: where it has ``to(device)``, as a tensor has."""
    return loader.to(device) if hasattr(loader, "to") else loader
