"""A table of per-sample results, for trackers."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
from torch import Tensor

LIMIT = 200


class SampleTable(pl.Callback):
    """Collects the per-sample results of the first samples that this process evaluates in a test loop.

    Args:
        limit: number of samples.

    Attributes:
        rows: one dict for each sample, of the test loop that ran last.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.rows: list[dict[str, Any]] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start an empty table."""
        self.rows = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the samples of a batch, if the module returns per-sample results."""
        missing = self.limit - len(self.rows)
        if missing > 0 and isinstance(outputs, Mapping) and all(isinstance(x, Tensor) for x in outputs.values()):
            columns = [values[:missing].tolist() for values in outputs.values()]
            self.rows += [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]
