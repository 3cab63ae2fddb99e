"""The base class of all networks of scans, and their output."""

# B scans, N samples (bags of scans), C channels, H height, W width of a map, G heads

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.ragged.segments import Segments


class ScanOutput(NamedTuple):
    """Output of a network for B scans in N bags.

    Args:
        logits: class scores (N, classes) before calibration.
        weights: attention to the regions of each scan (B, G, H, W); each map sums to 1.
        lesions: scores (B, kinds, H, W) of each kind of lesion in each region; None if the network has none.
        bag_weights: attention to the scans of a bag (B, G); None if the network has none.
    """

    logits: Tensor
    weights: Tensor
    lesions: Tensor | None = None
    bag_weights: Tensor | None = None


class ScanNet(nn.Module):
    """Base of the networks of this task: class names, and the calibration of the scores.

    Args:
        class_names: from the data.
    """

    temperature: Tensor
    bias: Tensor
    takes_bags: ClassVar[bool] = False  # whether several scans of a bag are classified together

    def __init__(self, class_names: Sequence[str]) -> None:
        super().__init__()
        self.class_names = list(class_names)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("bias", torch.zeros(len(self.class_names)))

    def calibrated(self, logits: Tensor) -> Tensor:
        """Return log probabilities (N, classes): the log softmax of logits / temperature + bias."""
        return (logits / self.temperature + self.bias).log_softmax(1)

    def forward(self, pixels: Tensor, bags: Segments | None = None) -> ScanOutput:
        """Classify scans, pixels (B, C, H, W) in 0..1; without ``bags`` each scan is a sample."""
        raise NotImplementedError


def reject_bags(pixels: Tensor, bags: Segments | None) -> None:
    """Raise ValueError for bags of several scans, for networks that classify each scan."""
    if bags is not None and len(bags) != len(pixels):
        raise ValueError(f"{len(pixels)} scans in {len(bags)} bags need model=oct/mil; or set data.bags=scan")
