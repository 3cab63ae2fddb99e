"""FSDP2 in Lightning: weights, gradients and optimiser state are sharded (Zhao et al. 2023, PyTorch FSDP)."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch.optim import Optimizer

from suite.training.processes import sharded_weights


class FSDP2Strategy(ModelParallelStrategy):
    """Each process holds a shard of the weights and trains on its own batches, as with ``ddp``.

    A checkpoint has the full weights in one file, the same as that of one process: ``attn eval`` reads it, and a run
    resumes with any number of processes, sharded or not.
    """

    def __init__(self) -> None:
        super().__init__(save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Set the sizes of Lightning's mesh: data parallel over all processes, no tensor parallelism."""
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()

    @property
    def restore_checkpoint_after_setup(self) -> bool:
        """False: callbacks are restored before training starts, as with the other strategies."""
        return False

    @property
    def lightning_restore_optimizer(self) -> bool:
        """True: Lightning calls ``load_optimizer_state_dict``."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the full weights, on each process."""
        assert self.lightning_module is not None
        return dict(sharded_weights.full_state(self.lightning_module))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the state of the full weights, on each process."""
        inner = optimizer._optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        return sharded_weights.full_optimizer_state(inner)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read one file, as the other strategies do."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Load the shard of this process from the full weights."""
        assert self.lightning_module is not None
        sharded_weights.load_full_state(self.lightning_module, checkpoint["state_dict"], strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Load the shard of this process from the state of the full weights."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            sharded_weights.load_full_optimizer_state(optimizer, state)
