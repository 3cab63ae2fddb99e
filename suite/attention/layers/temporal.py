"""Temporal attention: which moments of a sequence of frames matter."""

# B batch, T frames, P places of a frame, E width

from torch import Tensor, nn

from suite.attention.functional import AttentionOutput
from suite.attention.layers.multihead import MultiheadAttention


class TemporalAttention(nn.Module):
    """Every place of a frame attends to the same place of the other frames.

    z[t, p] = x[t, p] + attention over t' of norm(x)[t', p]
    (Bertasius et al. 2021, eq. 11, the time step of divided space-time attention)

    Cost grows with P T^2, where joint attention over frames and places costs (P T)^2.

    Shape: x (B, T, P, E), mask of frames (B, T) bool, True = a frame -> context (B, T, P, E), weights (B P, H, T, T) or
    None.

    >>> import torch
    >>> layer = TemporalAttention(MultiheadAttention(embed_dim=4, num_heads=2))
    >>> layer(torch.randn(2, 5, 3, 4)).context.shape
    torch.Size([2, 5, 3, 4])
    """

    def __init__(self, attention: MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention
        self.norm = nn.LayerNorm(attention.output_proj.out_features)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, need_weights: bool = False) -> AttentionOutput:  # noqa: D102
        batch, frames, places, _ = x.shape
        if mask is not None:
            if mask.shape != (batch, frames):
                raise ValueError(f"mask must be (batch, frames) = {(batch, frames)}, got {tuple(mask.shape)}")
            mask = mask.repeat_interleave(places, dim=0)[:, None, None]
        over_time = self.norm(x).transpose(1, 2).flatten(0, 1)  # (B P, T, E)
        context, weights = self.attention(over_time, mask=mask, need_weights=need_weights)
        return AttentionOutput(x + context.unflatten(0, (batch, places)).transpose(1, 2), weights)
