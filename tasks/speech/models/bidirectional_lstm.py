"""A bidirectional LSTM for padded batches that needs no packed sequences."""

import torch
from torch import Tensor, nn

from suite.attention.operators.dropout import dropout


class BidirectionalLSTM(nn.Module):
    """Layers of a forward and a backward LSTM (Graves & Schmidhuber 2005).

    h_f = LSTM_f(x);   h_b = reverse(LSTM_b(reverse(x)));   x = [h_f, h_b], with dropout between layers

    ``reverse`` reverses every sequence within its own length, so the padding comes last in both directions and cannot
    change an output inside the sequence. The values equal those of ``nn.LSTM`` over a packed sequence. On a CPU torch
    processes a packed sequence step by step; oneDNN processes a layer of a padded batch at once, in less than half of
    the time (``benchmarks/speech_lstm.py``).

    Args:
        input_dim: E of the input.
        hidden_dim: H of one direction.
        num_layers: number of layers; each has both directions.
        dropout: between layers.

    Shape: x (B, S, E), lengths (B,), each from 1 to S -> (B, S, 2 H). Outputs beyond a length are undefined.
    """

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [input_dim] + [2 * hidden_dim] * (num_layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes)
        self.dropout = dropout

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        indices = reversed_indices(lengths, x.shape[1])[..., None]
        for number, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            if number:
                x = dropout(x, self.dropout, self.training)
            back = backwards(reverse(x, indices))[0]
            x = torch.cat([forwards(x)[0], reverse(back, indices)], dim=-1)
        return x


def reversed_indices(lengths: Tensor, size: int) -> Tensor:
    """Return the indices that reverse each sequence within its length: (B,) -> (B, size).

    >>> reversed_indices(torch.tensor([3, 1]), 4).tolist()
    [[2, 1, 0, 3], [0, 1, 2, 3]]
    """
    positions = torch.arange(size, device=lengths.device)
    lengths = lengths[:, None]
    return torch.where(positions < lengths, lengths - 1 - positions, positions)


def reverse(x: Tensor, indices: Tensor) -> Tensor:
    """Reverse the sequences by ``reversed_indices``: (B, S, E), (B, S, 1) -> (B, S, E)."""
    return x.gather(1, indices.expand_as(x))
