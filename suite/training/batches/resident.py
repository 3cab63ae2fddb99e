"""Data that stay on the device: a small data set is moved there once instead of in each batch."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from suite.errors import UserError


class ResidentBatches:
    """The batches of a loader that yields the same batches each time: made and moved to ``device`` once."""

    def __init__(self, loader: Iterable[Any], device: torch.device) -> None:
        self.loader, self.device = loader, device
        self._batches: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        if not self._batches:
            self._batches = [batch.to(self.device) for batch in self.loader]
        return iter(self._batches)


def check_resident(resident: bool, prefetch: int) -> None:
    """Raise UserError if both are set: a prefetching process has no access to the memory of this one's GPU."""
    if resident and prefetch:
        raise UserError(
            f"resident=true and prefetch={prefetch} cannot be combined: a prefetching process has no access to data "
            "on the device; set only one of them"
        )


def on_device(loader: Any, device: torch.device) -> Any:
    """Move the loader to ``device`` if it has a ``to`` method; otherwise return it unchanged."""
    return loader.to(device) if hasattr(loader, "to") else loader
