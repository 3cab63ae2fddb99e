"""Sharded weights: shard, gather, save and load them as full tensors.

For weights that are not sharded, each function is the plain operation.
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
    """Shard the weights with FSDP2: each block of the outermost ``nn.ModuleList``s by itself, all others together.

    FSDP2 gathers the weights of a block for its ``forward``, releases them, and gathers them again for the backward
    pass. The other weights, and those of blocks that have methods besides ``forward``, are gathered in the ``forward``
    of the network and stay gathered until its backward pass. Training must therefore call ``forward`` of the network;
    torch raises an error if sharded and full tensors meet.
    """
    for parameter in net.parameters():  # weights of convolutions may be channels last, which FSDP2 cannot shard
        parameter.data = parameter.data.contiguous()
    for block in blocks(net):
        if any(True for _ in block.parameters()) and _methods(block) <= {"forward", "extra_repr"}:
            fully_shard(block, mesh=mesh)
    fully_shard(net, mesh=mesh)


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the members of the outermost ``nn.ModuleList``s in a module."""
    for child in module.children():
        yield from child if isinstance(child, nn.ModuleList) else blocks(child)


def _methods(module: nn.Module) -> set[str]:
    """Return the public methods of a module that torch's own classes do not define."""
    classes = [
        found for found in type(module).__mro__ if not found.__module__.startswith("torch.") and found is not object
    ]
    return {name for found in classes for name, value in vars(found).items() if callable(value) and name[0] != "_"}


def sharded(module: nn.Module) -> bool:
    """Whether any weight is sharded."""
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())


def local(tensor: Tensor) -> Tensor:
    """Return the shard of this process."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def unshard(tensor: Tensor) -> Tensor:
    """Return the full tensor. All processes must call this together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(reference: Tensor, tensor: Tensor) -> Tensor:
    """Return a full tensor sharded as ``reference`` is, or unchanged if that is not sharded."""
    if not isinstance(reference, DTensor) or isinstance(tensor, DTensor):
        return tensor
    moved = tensor.to(reference.device)
    return distribute_tensor(moved, reference.device_mesh, reference.placements, src_data_rank=None)


def full_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the full (unsharded) state dict as CPU copies, on each process."""
    return {name: unshard(tensor.detach()).cpu().clone() for name, tensor in module.state_dict().items()}


def load_full_state(module: nn.Module, state: Mapping[str, Tensor], strict: bool = True) -> None:
    """Load what ``full_state`` returned, in a run of any number of processes."""
    own = module.state_dict()
    module.load_state_dict({name: shard_like(own.get(name, tensor), tensor) for name, tensor in state.items()}, strict)


def full_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state dict of the optimiser for the full weights."""
    found = optimizer.state_dict()
    state = {number: _each(unshard, values) for number, values in found["state"].items()}
    return {**found, "state": state}


def load_full_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load the state for the full weights; tensors of a weight's shape are sharded as the weight is."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    sharded_state = {
        number: _each(
            lambda tensor, of=parameters[number]: shard_like(of, tensor) if tensor.shape == of.shape else tensor, values
        )
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": sharded_state})


def _each(function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: function(value) if isinstance(value, Tensor) else value for name, value in values.items()}


def gather_weights(net: nn.Module) -> None:
    """Gather all weights until ``release_weights``; each process may then use them independently of the others.

    Buffers, for example of a batch norm, are those of the first process, as with DDP.
    """
    modules = _sharded_modules(net)
    for buffer in net.buffers() if modules else ():
        dist.broadcast(buffer, 0)
    for module in modules:
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()


def release_weights(net: nn.Module) -> None:
    """Release the gathered weights, so that only shards remain."""
    for module in _sharded_modules(net):
        module.reshard()
        module.set_reshard_after_forward(module is not net, recurse=False)


@contextmanager
def gathered_weights(net: nn.Module) -> Iterator[None]:
    """Gather the weights inside the context."""
    gather_weights(net)
    try:
        yield
    finally:
        release_weights(net)


def _sharded_modules(net: nn.Module) -> list[Any]:
    """Return the network and its blocks that FSDP2 shards."""
    return [module for module in net.modules() if isinstance(module, FSDPModule)] if isinstance(net, FSDPModule) else []
