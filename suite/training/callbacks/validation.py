"""Validation at the end of each epoch."""

from typing import Any

import lightning.pytorch as pl


class ValidateEpochs(pl.Callback):
    """Calls ``validate_epoch`` of the module at the end of each epoch, also of one that ``max_steps`` ends early."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Pass the validation batches of this process to the module."""
        module: Any = pl_module
        module.validate_epoch(trainer.datamodule.val_dataloader())  # type: ignore[attr-defined]
