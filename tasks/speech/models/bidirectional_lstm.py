"""A bidirectional LSTM over padded batches that is as fast as the processor's own kernel and blind to the padding."""

import torch
from torch import Tensor, nn

from suite.attention.operators.dropout import dropout


class BidirectionalLSTM(nn.Module):
    """Layers of two LSTMs, one that reads forwards and one that reads backwards (Graves & Schmidhuber 2005).

    h_f = LSTM_f(x);   h_b = reverse(LSTM_b(reverse(x)));   x = [h_f, h_b], with dropout between layers

    ``reverse`` turns every sequence round within its own length, so what stands behind a sequence is read after it in
    both directions and can't reach it. So no packed batch is needed: over a packed one torch walks step by step
    on a processor; over a padded one oneDNN's LSTM does a layer at once, more than twice as fast
    (``benchmarks/speech_lstm.py``).

    Args:
        input_dim: E of the input.
        hidden_dim: H of one direction.
        num_layers: of both directions.
        dropout: between layers.

    Shape: x (B, S, E), lengths (B,), every one from 1 to S -> (B, S, 2 H); what stands beyond a length means nothing.
    """

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [input_dim] + [2 * hidden_dim] * (num_layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes)
        self.dropout = dropout

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        turned = reversal(lengths, x.shape[1])[..., None]
        for number, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            if number:
                x = dropout(x, self.dropout, self.training)
            back = backwards(reverse(x, turned))[0]
            x = torch.cat([forwards(x)[0], reverse(back, turned)], dim=-1)
        return x


def reversal(lengths: Tensor, size: int) -> Tensor:
    """Where each position comes from when a sequence is turned round within its length: (B,) -> (B, size)."""
    positions = torch.arange(size, device=lengths.device)
    lengths = lengths[:, None]
    return torch.where(positions < lengths, lengths - 1 - positions, positions)


def reverse(x: Tensor, turned: Tensor) -> Tensor:
    """The sequences turned round: (B, S, E), (B, S, 1) -> (B, S, E)."""
    return x.gather(1, turned.expand_as(x))
