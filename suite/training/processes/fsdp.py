"""FSDP2 through Lightning: weights, gradients and optimiser cut over the processes (Zhao et al. 2023, PyTorch FSDP)."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch.optim import Optimizer

from suite.training.processes import sharded_weights


class FSDP2Strategy(ModelParallelStrategy):
    """Every process holds its share of the weights, and trains on batches of its own as with ``ddp``.

    What is saved is whole: one file, the same as of one process. So ``attn eval`` opens it, and a run goes on with any
    number of processes, sharded or not.
    """

    def __init__(self) -> None:
        super().__init__(save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """All processes share the data; none splits a tensor's arithmetic."""
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()

    @property
    def restore_checkpoint_after_setup(self) -> bool:
        """Before, as everywhere: callbacks look at what they had when training begins."""
        return False

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Through ``load_optimizer_state_dict`` below."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Whole tensors, on every process."""
        assert self.lightning_module is not None
        return dict(sharded_weights.full_state(self.lightning_module))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Likewise."""
        inner = optimizer._optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        return sharded_weights.full_optimizer_state(inner)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read one file, as the other strategies do."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take this process's share."""
        assert self.lightning_module is not None
        sharded_weights.load_full_state(self.lightning_module, checkpoint["state_dict"], strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Likewise."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            sharded_weights.load_full_optimizer_state(optimizer, state)
