"""Gates: attention without queries and keys, which scales channels or positions of a feature map.

Each returns ``AttentionOutput(context, weights)``: the scaled map, and the gate in [0, 1].
"""

# B batch, C channels, H height, W width of a feature map

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.functional import AttentionOutput


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation: a weight per channel, computed from the means of all channels.

    z = mean over H, W of x;   s = sigmoid(W_2 relu(W_1 z));   out = s x   (Hu et al. 2018, eq. 2-4), W_1 (C / r, C)

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, C, 1, 1). Raises ValueError if r is not in 1..C.

    >>> SqueezeExcitation(channels=8, reduction=4)(torch.randn(2, 8, 3, 5)).weights.shape
    torch.Size([2, 8, 1, 1])
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction must be in 1..channels={channels}, got {reduction}")
        self.down, self.up = nn.Linear(channels, channels // reduction), nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> AttentionOutput:
        gate = self.up(self.down(x.mean((2, 3))).relu()).sigmoid()[..., None, None]
        return AttentionOutput(x * gate, gate)


class EfficientChannel(nn.Module):
    """Efficient channel attention: a weight per channel, computed from its neighbours by k parameters.

    s = sigmoid(conv_k(mean over H, W of x));   out = s x;   k = odd(log2(C) / 2 + 1 / 2)
    (Wang et al. 2020, eq. 9 and 12)

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, C, 1, 1).

    >>> EfficientChannel(channels=64).conv.kernel_size
    (3,)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = int(abs((math.log2(channels) + 1) / 2))
        size += 1 - size % 2
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> AttentionOutput:
        gate = self.conv(x.mean((2, 3))[:, None]).sigmoid()[:, 0, :, None, None]
        return AttentionOutput(x * gate, gate)


class ChannelGate(nn.Module):
    """The channel attention of CBAM: mean and maximum pass through one network.

    M = sigmoid(mlp(mean over H, W of x) + mlp(max over H, W of x));   out = M x   (Woo et al. 2018, eq. 2)

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, C, 1, 1).

    >>> ChannelGate(channels=8, reduction=4)(torch.randn(2, 8, 3, 5)).weights.shape
    torch.Size([2, 8, 1, 1])
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction must be in 1..channels={channels}, got {reduction}")
        hidden = channels // reduction
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> AttentionOutput:
        gate = (self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))).sigmoid()[..., None, None]
        return AttentionOutput(x * gate, gate)


class SpatialGate(nn.Module):
    """The spatial attention of CBAM: a weight per position, from the mean and maximum over channels.

    M = sigmoid(conv_7x7([mean over C of x; max over C of x]));   out = M x   (Woo et al. 2018, eq. 3)

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, 1, H, W).

    >>> SpatialGate()(torch.randn(2, 8, 3, 5)).weights.shape
    torch.Size([2, 1, 3, 5])
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> AttentionOutput:
        gate = self.conv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)).sigmoid()
        return AttentionOutput(x * gate, gate)


class CBAM(nn.Module):
    """Convolutional block attention module: channel attention, then spatial attention.

    x' = M_c(x) x;   out = M_s(x') x'   (Woo et al. 2018, eq. 1); the returned weights are the spatial ones, M_s.

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, 1, H, W).

    >>> CBAM(channels=8, reduction=4)(torch.randn(2, 8, 3, 5)).context.shape
    torch.Size([2, 8, 3, 5])
    """

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel, self.spatial = ChannelGate(channels, reduction), SpatialGate(kernel_size)

    def forward(self, x: Tensor) -> AttentionOutput:
        return self.spatial(self.channel(x).context)


class AttentionGate(nn.Module):
    """The gate of Attention U-Net: a coarse signal gates the positions of a skip connection by additive attention.

    a = sigmoid(psi relu(W_x x + W_g g + b) + b_psi);   out = a x   (Oktay et al. 2018, eq. 1-2)

    W_x is a strided convolution to the grid of g; a is interpolated bilinearly to the grid of x.

    Shape: x (B, C, H, W), gating (B, G, H / 2, W / 2) or any smaller grid -> context (B, C, H, W), weights
    (B, 1, H, W).

    >>> gate = AttentionGate(channels=4, gating_channels=6, hidden_channels=3)
    >>> gate(torch.randn(2, 4, 8, 6), torch.randn(2, 6, 4, 3)).weights.shape
    torch.Size([2, 1, 8, 6])
    """

    def __init__(self, channels: int, gating_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.signal_proj = nn.Conv2d(channels, hidden_channels, 2, stride=2, bias=False)
        self.gating_proj = nn.Conv2d(gating_channels, hidden_channels, 1)
        self.psi = nn.Conv2d(hidden_channels, 1, 1)

    def forward(self, x: Tensor, gating: Tensor) -> AttentionOutput:
        signal = self.signal_proj(x)
        coarse = F.interpolate(self.gating_proj(gating), signal.shape[2:], mode="bilinear", align_corners=False)
        gate = self.psi((signal + coarse).relu()).sigmoid()
        gate = F.interpolate(gate, x.shape[2:], mode="bilinear", align_corners=False)
        return AttentionOutput(x * gate, gate)


class ResidualAttention(nn.Module):
    """Residual attention: a mask branch with a larger field of view gates the output of a trunk.

    out = (1 + M(x)) T(x),   M = sigmoid(conv(up(mask(down(x)))))   (Wang et al. 2017, eq. 3)

    Where the mask is 0, the features of the trunk pass unchanged. ``trunk`` and ``mask`` map C to C channels.

    Shape: x (B, C, H, W) -> context (B, C, H, W), weights (B, C, H, W).

    >>> module = ResidualAttention(4, trunk=nn.Conv2d(4, 4, 3, padding=1), mask=nn.Conv2d(4, 4, 3, padding=1))
    >>> module(torch.randn(2, 4, 7, 5)).context.shape
    torch.Size([2, 4, 7, 5])
    """

    def __init__(self, channels: int, trunk: nn.Module, mask: nn.Module) -> None:
        super().__init__()
        self.trunk, self.mask = trunk, mask
        self.output = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> AttentionOutput:
        coarse = self.mask(F.max_pool2d(x, 3, stride=2, padding=1))
        gate = self.output(F.interpolate(coarse, x.shape[2:], mode="bilinear", align_corners=False)).sigmoid()
        return AttentionOutput((1 + gate) * self.trunk(x), gate)
