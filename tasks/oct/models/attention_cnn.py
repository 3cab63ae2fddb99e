"""Networks that classify scans, or bags of scans, by what attention found in them."""

# B scans, N samples (bags of scans), C channels, H height, W width of a map, E width of a vector, G heads

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.choices.scores import Dot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.pooling import GatedProjection, SegmentPooling
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.oct.models.encoder import RegionEncoder


class ScanOutput(NamedTuple):
    """Class scores (N, classes); where each scan was looked at, (B, G, H, W), every map summing to 1.

    ``lesions`` (B, kinds, H, W) are scores for every kind of lesion in every region, of networks that have them;
    ``bag_weights`` (B, G) how much each scan of a bag counted, of networks that weigh them.
    """

    logits: Tensor
    weights: Tensor
    lesions: Tensor | None = None
    bag_weights: Tensor | None = None


class ScanNet(nn.Module):
    """What all networks of this task have: names of the classes, and what calibrates their scores."""

    temperature: Tensor
    bias: Tensor
    takes_bags = False  # whether several scans of a bag are classified together

    def __init__(self, class_names: Sequence[str]) -> None:
        super().__init__()
        self.class_names = list(class_names)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("bias", torch.zeros(len(self.class_names)))

    def calibrated(self, logits: Tensor) -> Tensor:
        """Log probabilities (N, classes): log softmax of logits / temperature + bias."""
        return (logits / self.temperature + self.bias).log_softmax(1)

    def forward(self, pixels: Tensor, bags: Segments | None = None) -> ScanOutput:
        """Classify scans, pixels (B, C, H, W) in 0..1; without ``bags`` every scan is a sample."""
        raise NotImplementedError


class AttentionCNN(ScanNet):
    """Every scan by itself: regions of a convolutional map, pooled by attention, classified.

    Args:
        num_channels, class_names, num_lesions: from the data; with lesions the regions are scored for them too.
        encoder: makes the ``RegionEncoder`` from what the data tells.
        dropout: on the pooled vector, while training.

    Shape: pixels (B, C, H, W) -> ScanOutput.
    """

    def __init__(
        self,
        num_channels: int,
        class_names: Sequence[str],
        num_lesions: int = 0,
        encoder: Callable[..., RegionEncoder] = RegionEncoder,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(class_names)
        self.encoder, self.dropout = encoder(num_channels=num_channels, num_lesions=num_lesions), dropout
        self.output = nn.Linear(self.encoder.width, len(class_names))

    def forward(self, pixels: Tensor, bags: Segments | None = None) -> ScanOutput:
        """Classify every scan; bags of more than one are refused with ValueError."""
        refuse_bags(pixels, bags)
        pooled, weights, lesions = self.encoder(pixels)
        return ScanOutput(self.output(dropout(pooled, self.dropout, self.training)), weights, lesions)


class MultipleInstance(ScanNet):
    """Gated attention over the scans of a bag: which B-scan of the volume shows it (Ilse et al. 2018).

    a_k = softmax over the bag of w . (tanh(V h_k) * sigmoid(U h_k));   bag = sum of a_k h_k   (eq. 8-9)

    Args:
        num_channels, class_names, num_lesions: from the data.
        encoder: makes the ``RegionEncoder`` of a single scan; its pooled vector is h.
        hidden_dim: rows of V and U.
        dropout: on the bag's vector, while training.

    Shape: pixels (B, C, H, W) and N ``bags`` -> ScanOutput with logits (N, classes) and bag_weights (B, 1).
    """

    takes_bags = True

    def __init__(
        self,
        num_channels: int,
        class_names: Sequence[str],
        num_lesions: int = 0,
        encoder: Callable[..., RegionEncoder] = RegionEncoder,
        hidden_dim: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(class_names)
        self.encoder, self.dropout = encoder(num_channels=num_channels, num_lesions=num_lesions), dropout
        gated = GatedProjection(self.encoder.width, hidden_dim)
        attention = EdgeAttention(Dot())
        self.pooling = SegmentPooling(self.encoder.width, attention, head_dim=hidden_dim, key_proj=gated)
        self.output = nn.Linear(self.encoder.width, len(class_names))

    def forward(self, pixels: Tensor, bags: Segments | None = None) -> ScanOutput:
        """Classify every bag."""
        if bags is None:
            bags = Segments.from_lengths(torch.ones(len(pixels), dtype=torch.int64, device=pixels.device))
        pooled, weights, lesions = self.encoder(pixels)
        bag = self.pooling(pooled, bags)
        logits = self.output(dropout(bag.context, self.dropout, self.training))
        return ScanOutput(logits, weights, lesions, bag.weights)


def refuse_bags(pixels: Tensor, bags: Segments | None) -> None:
    """Raise ValueError for bags of more than one scan, which a network that sees scans one by one cannot classify."""
    if bags is not None and len(bags) != len(pixels):
        raise ValueError(f"{len(pixels)} scans in {len(bags)} bags need model=oct/mil; or set data.bags=scan")
