"""A network that classifies bags of scans."""

# B scans, N bags, C channels, H height, W width

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from suite.attention.choices.scores import Dot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.pooling import GatedProjection, SegmentPooling
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.scan_net import ScanNet, ScanOutput


class MultipleInstance(ScanNet):
    """Gated attention over the scans of a bag, for example all B-scans of a volume (Ilse et al. 2018).

    a_k = softmax over the bag of w . (tanh(V h_k) * sigmoid(U h_k));   bag = sum of a_k h_k   (eq. 8-9)

    Args:
        num_channels, class_names, num_lesions: from the data.
        encoder: builds the ``RegionEncoder`` of a scan; its pooled vector is h.
        hidden_dim: rows of V and U.
        dropout: of the bag vector in training.

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
        """Classify the bags."""
        if bags is None:
            bags = Segments.from_lengths(torch.ones(len(pixels), dtype=torch.int64, device=pixels.device))
        pooled, weights, lesions = self.encoder(pixels)
        bag = self.pooling(pooled, bags)
        logits = self.output(dropout(bag.context, self.dropout, self.training))
        return ScanOutput(logits, weights, lesions, bag.weights)
