"""Convolutional blocks with a gate."""

# B batch, C channels, H height, W width

from torch import Tensor, nn

from suite.attention.layers.gates import CBAM, EfficientChannel, ResidualAttention, SqueezeExcitation

GATES = ("none", "se", "eca", "cbam", "residual")


def make_gate(name: str, channels: int) -> nn.Module | None:
    """Return the gate of a block, or None for ``none``. Raises ValueError for another name."""
    if name == "none":
        return None
    if name == "se":
        return SqueezeExcitation(channels, reduction=min(8, channels))
    if name == "eca":
        return EfficientChannel(channels)
    if name == "cbam":
        return CBAM(channels, reduction=min(8, channels))
    if name == "residual":
        return ResidualAttention(channels, trunk=nn.Identity(), mask=normed(channels, channels))
    raise ValueError(f"gate must be one of {', '.join(GATES)}, got {name!r}")


def normed(channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution followed by batch normalisation."""
    layer = nn.Conv2d(channels, out_channels, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels))


class Residual(nn.Module):
    """A residual block of two convolutions, with a gate before the sum.

    out = relu(gate(conv(relu(conv(x)))) + shortcut(x))   (He et al. 2016, eq. 1; gate: Hu et al. 2018, fig. 3)

    The shortcut is x, or, if the shapes differ, a projection of the means over ``stride`` x ``stride`` pixels.

    Shape: (B, C, H, W) -> (B, out_channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, channels: int, out_channels: int, stride: int = 1, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second = normed(channels, out_channels, stride), normed(out_channels, out_channels)
        self.gate = gate
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out_channels:
            mean = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride != 1 else nn.Identity()
            project = nn.Conv2d(channels, out_channels, 1, bias=False)
            self.shortcut = nn.Sequential(mean, project, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        if self.gate is not None:
            y = self.gate(y).context
        return (y + self.shortcut(x)).relu()
