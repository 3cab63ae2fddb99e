"""Weights in shards, one on every process: cut, put together, taken from and given as whole tensors.

On weights that are not cut everything here is the plain operation.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(net: nn.Module, mesh: DeviceMesh) -> None:
    """Cut the weights of every block of the outermost ``nn.ModuleList``s, and then all others, by FSDP2.

    A block is put together when its ``forward`` begins and let go behind it, and again for the backward pass; a block
    that can be entered by another method, and what belongs to no block, is put together with the network's ``forward``
    and stays so until the backward pass. A network that training enters by another method meets the shards, and torch
    refuses to mix them with whole tensors.
    """
    for parameter in net.parameters():  # convolutions may keep theirs channels last, which FSDP2 cannot cut
        parameter.data = parameter.data.contiguous()
    for block in blocks(net):
        if any(True for _ in block.parameters()) and _methods(block) <= {"forward", "extra_repr"}:
            fully_shard(block, mesh=mesh)
    fully_shard(net, mesh=mesh)


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The members of the outermost ``nn.ModuleList``s inside a module."""
    for child in module.children():
        yield from child if isinstance(child, nn.ModuleList) else blocks(child)


def _methods(module: nn.Module) -> set[str]:
    """By what a module can be entered; torch's own layers have ``forward`` alone."""
    classes = [
        found for found in type(module).__mro__ if not found.__module__.startswith("torch.") and found is not object
    ]
    return {name for found in classes for name, value in vars(found).items() if callable(value) and name[0] != "_"}


def sharded(module: nn.Module) -> bool:
    """Whether any weight is a shard."""
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())


def local(tensor: Tensor) -> Tensor:
    """This process's part."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def unshard(tensor: Tensor) -> Tensor:
    """The whole tensor, which all processes must ask for together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(reference: Tensor, tensor: Tensor) -> Tensor:
    """A whole tensor cut as ``reference`` is, or as it is."""
    if not isinstance(reference, DTensor) or isinstance(tensor, DTensor):
        return tensor
    there = tensor.to(reference.device)
    return distribute_tensor(there, reference.device_mesh, reference.placements, src_data_rank=None)


def full_state(module: nn.Module) -> dict[str, Tensor]:
    """The state dict in whole tensors on the CPU, which are nobody else's; on every process."""
    return {name: unshard(tensor.detach()).cpu().clone() for name, tensor in module.state_dict().items()}


def load_full_state(module: nn.Module, state: Mapping[str, Tensor], strict: bool = True) -> None:
    """Load what ``full_state`` gave, here or in a run of any number of processes."""
    own = module.state_dict()
    module.load_state_dict({name: shard_like(own.get(name, tensor), tensor) for name, tensor in state.items()}, strict)


def full_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimiser's state dict as one process with whole weights has it."""
    found = optimizer.state_dict()
    state = {number: _each(unshard, values) for number, values in found["state"].items()}
    return {**found, "state": state}


def load_full_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load it, cut as the weights are; what has another shape than its weight, as a count of steps, stays whole."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    cut = {
        number: _each(
            lambda tensor, of=parameters[number]: shard_like(of, tensor) if tensor.shape == of.shape else tensor, values
        )
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": cut})


def _each(function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: function(value) if isinstance(value, Tensor) else value for name, value in values.items()}


def gather_weights(net: nn.Module) -> None:
    """Gather all weights until ``release_weights``; each process may then use them independently of the others.

    What is counted beside the weights, as a batch norm does, is the first process's, as under DDP.
    """
    parts = _parts(net)
    for buffer in net.buffers() if parts else ():
        dist.broadcast(buffer, 0)
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()


def release_weights(net: nn.Module) -> None:
    """Keep shards alone again."""
    for part in _parts(net):
        part.reshard()
        part.set_reshard_after_forward(part is not net, recurse=False)


@contextmanager
def gathered_weights(net: nn.Module) -> Iterator[None]:
    """Whole weights inside, to read."""
    gather_weights(net)
    try:
        yield
    finally:
        release_weights(net)


def _parts(net: nn.Module) -> list[Any]:
    """The network and its blocks, where they are cut."""
    return [module for module in net.modules() if isinstance(module, FSDPModule)] if isinstance(net, FSDPModule) else []
