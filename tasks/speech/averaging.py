"""The mean of the weights that training went through: steadier than the last step's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class AveragedWeights:
    """An exponential moving average of a network's weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017).

    average = d average + (1 - d) weights after every step, d = min(decay, (1 + steps) / (10 + steps)), which follows
    closely at first.

    Args:
        net: whose weights are averaged.
        decay: d; 0 for no average at all.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"the decay of averaged weights must be in [0, 1), got {decay}")
        self.net, self.decay, self.steps = net, decay, 0
        self.average = {name: tensor.detach().clone() for name, tensor in net.named_parameters()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights that a step left."""
        self.steps += 1
        d = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.decay else 0.0
        names, weights = zip(*self.net.named_parameters(), strict=True)
        torch._foreach_lerp_([self.average[name] for name in names], list(weights), 1.0 - d)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The network with the averaged weights while the block runs."""
        if not self.decay:
            yield
            return
        weights = {name: tensor.detach().clone() for name, tensor in self.net.named_parameters()}
        self._load(self.average)
        try:
            yield
        finally:
            self._load(weights)

    @torch.no_grad()
    def _load(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self.net.named_parameters():
            parameter.copy_(weights[name])
