"""A convolutional network with attention over the regions of a scan."""

# B scans, C channels, H height, W width

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.scan_net import ScanNet, ScanOutput, reject_bags


class AttentionCNN(ScanNet):
    """Classifies each scan: regions of a convolutional map, pooled by attention.

    Args:
        num_channels, class_names, num_lesions: from the data; with lesions, each region is scored for each kind.
        encoder: builds the ``RegionEncoder``.
        dropout: of the pooled vector in training.

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
        """Classify the scans. Raises ValueError for bags of several scans."""
        reject_bags(pixels, bags)
        pooled, weights, lesions = self.encoder(pixels)
        return ScanOutput(self.output(dropout(pooled, self.dropout, self.training)), weights, lesions)
