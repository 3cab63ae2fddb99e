"""Temporal attention over a sequence of frames."""

# B batch, T frames, P positions of a frame, E width

from torch import Tensor, nn

from suite.attention.functional import AttentionOutput
from suite.attention.layers.multihead import MultiheadAttention


class TemporalAttention(nn.Module):
    """Every position of a frame attends to the same position of all frames.

    z[t, p] = x[t, p] + attention over t' of norm(x)[t', p]
    (Bertasius et al. 2021, eq. 11, the time step of divided space-time attention)

    The cost grows with P T^2; joint attention over frames and positions costs (P T)^2.

    Shape: x (B, T, P, E), mask of frames (B, T) bool, True = a frame -> context (B, T, P, E), weights (B P, H, T, T) or
    None. Raises ValueError for a mask of another shape.

    >>> import torch
    >>> layer = TemporalAttention(MultiheadAttention(embed_dim=4, num_heads=2))
    >>> layer(torch.randn(2, 5, 3, 4)).context.shape
    torch.Size([2, 5, 3, 4])
    """

    def __init__(self, attention: MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention
        self.norm = nn.LayerNorm(attention.output_proj.out_features)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, need_weights: bool = False) -> AttentionOutput:
        batch, frames, positions, _ = x.shape
        if mask is not None:
            if mask.shape != (batch, frames):
                raise ValueError(f"mask must be (batch, frames) = {(batch, frames)}, got {tuple(mask.shape)}")
            mask = mask.repeat_interleave(positions, dim=0)[:, None, None]
        over_time = self.norm(x).transpose(1, 2).flatten(0, 1)  # (B P, T, E)
        context, weights = self.attention(over_time, mask=mask, need_weights=need_weights)
        return AttentionOutput(x + context.unflatten(0, (batch, positions)).transpose(1, 2), weights)
