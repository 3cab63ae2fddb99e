"""The vision transformer."""

# B scans, C channels, H height, W width of a scan, E width of a patch vector

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.build import build_attention
from suite.attention.layers.blocks import EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments
from tasks.oct.models.encoder import RegionPooling, standardise
from tasks.oct.models.scan_net import ScanNet, ScanOutput, reject_bags


class VisionTransformer(ScanNet):
    """Patches with learnt positions and self-attention (Dosovitskiy et al. 2021), and attention pooling.

    Attention pooling over the patches replaces the class token. Blocks have the patterns of ``patterns``, repeated:
    [axial_rows, axial_columns] is axial attention (Ho et al. 2019). With the pattern global_local, the first
    ``num_global`` positions are learnt vectors that attend to all patches, and all patches attend to them.

    Args:
        num_channels, class_names, height, width: from the data.
        patch: side of a patch in pixels; the scan is padded to whole patches.
        embed_dim, depth, num_heads: E, number of blocks, and heads of each.
        hidden_dim: of the feed-forward networks.
        patterns: of ``suite.attention.choices.patterns``, by name or mapping.
        dropout: of the blocks and of the pooled vector in training.
        attention: score and alignment of blocks and pooling; its pattern is replaced by ``patterns``.

    Shape: pixels (B, C, H, W) -> ScanOutput.
    """

    def __init__(
        self,
        num_channels: int,
        class_names: Sequence[str],
        height: int,
        width: int,
        patch: int = 4,
        embed_dim: int = 96,
        depth: int = 4,
        num_heads: int = 4,
        hidden_dim: int = 192,
        patterns: Sequence[Any] = ("full",),
        num_global: int = 0,
        dropout: float = 0.0,
        attention: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(class_names)
        self.patch, self.num_global, self.dropout = patch, num_global, dropout
        self.grid = -(-height // patch), -(-width // patch)
        self.embedding = nn.Conv2d(num_channels, embed_dim, patch, stride=patch)
        positions = self.grid[0] * self.grid[1]
        self.positions = nn.Parameter(torch.randn(positions, embed_dim) * 0.02)
        self.summaries = nn.Parameter(torch.randn(num_global, embed_dim) * 0.02) if num_global else None
        facts = {"num_heads": num_heads, "head_dim": embed_dim // num_heads}
        grid = {"height": self.grid[0], "width": self.grid[1]}
        self.blocks = nn.ModuleList()
        for number in range(depth):
            choice = {**(attention or {}), "pattern": patterns[number % len(patterns)]}
            heads = MultiheadAttention(embed_dim, num_heads, build_attention(choice, **facts, **grid))
            self.blocks.append(EncoderBlock(heads, FeedForward(embed_dim, hidden_dim, dropout), dropout))
        self.norm = nn.LayerNorm(embed_dim)
        plain = {**(attention or {}), "pattern": "full"}
        self.pooling = RegionPooling(embed_dim, 1, embed_dim // num_heads, plain)
        self.output = nn.Linear(embed_dim, len(class_names))

    def forward(self, pixels: Tensor, bags: Segments | None = None) -> ScanOutput:
        """Classify the scans. Raises ValueError for bags of several scans."""
        reject_bags(pixels, bags)
        height, width = (side * self.patch for side in self.grid)
        x = F.pad(standardise(pixels), (0, width - pixels.shape[3], 0, height - pixels.shape[2]))
        x = self.embedding(x).flatten(2).transpose(1, 2) + self.positions
        if self.summaries is not None:
            x = torch.cat([self.summaries.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        patches = self.norm(x[:, self.num_global :]).transpose(1, 2).unflatten(-1, self.grid)
        pooled, weights = self.pooling(patches)
        return ScanOutput(self.output(dropout(pooled, self.dropout, self.training)), weights)
