"""Compute a function again in the backward pass, and give backward passes a derivative."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


class ForwardState:
    """The random numbers and the autocast settings of a forward pass, for a backward pass that computes it again.

    Args:
        device: device of the tensors. The random state of the CPU is always included.
        random: False for a function that draws no random numbers, whose state is then not copied.
    """

    def __init__(self, device: torch.device, random: bool = True) -> None:
        self._device = device
        self._random = _random_states(device) if random else []
        kinds = {device.type, "cpu"} if torch.amp.is_autocast_available(device.type) else {"cpu"}
        self._autocast = [
            torch.autocast(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)) for kind in kinds
        ]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Run the block with this state; afterwards the random state is that from before the block."""
        with ExitStack() as stack:
            for context in self._autocast:
                stack.enter_context(context)
            if self._random:
                for restore, state in _random_states(self._device):
                    stack.callback(restore, state)
                for restore, state in self._random:
                    restore(state)
            yield


def _random_states(device: torch.device) -> list[tuple[Callable[[Tensor], None], Tensor]]:
    """The states of the generators of the CPU and of ``device``, each with the function that sets it."""
    states: list[tuple[Callable[[Tensor], None], Tensor]] = [(torch.set_rng_state, torch.get_rng_state())]
    if device.type == "cuda":
        states.append((partial(torch.cuda.set_rng_state, device=device), torch.cuda.get_rng_state(device)))
    elif device.type == "mps":
        states.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))
    return states


@contextmanager
def without_autocast(device: torch.device) -> Iterator[None]:
    """Run the block in the types of its tensors: autocast rounds no operand of it."""
    with ExitStack() as stack:
        for kind in {device.type, "cpu"}:
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def autocast_type(x: Tensor) -> torch.dtype:
    """The type in which a matrix product of ``x`` is computed: that of autocast where it is enabled."""
    kind = x.device.type
    if x.dtype != torch.float64 and torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return x.dtype


def rebound(module: Module, tensors: Mapping[Tensor, Tensor]) -> Module:
    """A copy of a module that computes with other tensors in place of its parameters; the module does not change.

    >>> layer = nn.Linear(2, 1)
    >>> double = rebound(layer, {layer.weight: 2 * layer.weight, layer.bias: 2 * layer.bias})
    >>> torch.equal(double(torch.ones(2)), 2 * layer(torch.ones(2)))
    True
    """
    copy = module.__new__(type(module))
    copy.__dict__ = module.__dict__.copy()
    copy.__dict__["_parameters"] = {
        name: None if p is None else tensors.get(p, p) for name, p in module._parameters.items()
    }
    copy.__dict__["_modules"] = {
        name: None if child is None else rebound(child, tensors) for name, child in module._modules.items()
    }
    return copy


def differentiable_gradients(
    function: Callable[..., Tensor | tuple[Tensor, ...]], inputs: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradient of ``function`` by each of its inputs alone, with a separate graph for second derivatives.

    A fast backward pass has no graph. Where torch asks for one (``create_graph=True``: gradient penalties, Hessians),
    a function computes its gradient by this function from its plain equation instead.

    Args:
        function: the plain equation, of ``inputs`` alone; tensors that it reads otherwise count as constants.
        inputs: its arguments. One that needs no gradient gives None.
        grads: the gradient of each result, None for zeros.
    """
    with torch.enable_grad():
        aliases = [x.view_as(x) for x in inputs]  # a gradient by an alias excludes other ways from input to result
        outputs = function(*aliases)
        results = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        pairs = [(y, g) for y, g in zip(results, grads, strict=True) if g is not None and y.requires_grad]
        wanted = [x for x in aliases if x.requires_grad]
        found = torch.autograd.grad(
            [y for y, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, materialize_grads=True
        )
    each = iter(found)
    return [next(each) if x.requires_grad else None for x in aliases]
