"""Encoders of ragged sequences, without padding."""

# M rows, N segments, E width in, D width out

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from suite.attention.ragged.segments import Segments


class Recurrent(nn.Module):
    """A recurrent layer over each segment.

    Segments are sorted by length and packed: step t computes the segments that are longer than t.

    Args:
        embed_dim: E.
        hidden_dim: size of the state of one direction.
        kind: ``gru`` (Cho et al. 2014) or ``lstm`` (Hochreiter & Schmidhuber 1997).
        bidirectional: whether a second layer reads the segments backwards; D = 2 ``hidden_dim`` then.

    Shape: (M, E) -> (M, D). Raises ValueError for another kind.
    """

    def __init__(self, embed_dim: int, hidden_dim: int, kind: str = "gru", bidirectional: bool = True) -> None:
        super().__init__()
        kinds: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}
        if kind not in kinds:
            raise ValueError(f"kind must be one of {', '.join(kinds)}, got {kind!r}")
        self.layer = kinds[kind](embed_dim, hidden_dim, bidirectional=bidirectional)
        self.width = hidden_dim * (2 if bidirectional else 1)

    def forward(self, x: Tensor, segments: Segments) -> Tensor:
        """Encode the rows."""
        if len(x) == 0:  # all documents are empty
            return x.new_zeros(0, self.width) + 0.0 * sum(parameter.sum() for parameter in self.layer.parameters())
        order, sizes = packing(segments)
        packed, _ = self.layer(PackedSequence(x.index_select(0, order), sizes))
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device)
        return packed.data.index_select(0, place)


def packing(segments: Segments) -> tuple[Tensor, Tensor]:
    """Return the order of rows in a ``PackedSequence`` of the segments, (M,), and the number of rows of each step.

    >>> order, sizes = packing(Segments.from_lengths(torch.tensor([1, 0, 3])))
    >>> order.tolist(), sizes.tolist()  # step 0: first rows of the segments 2 and 0; then the rest of segment 2
    ([1, 0, 2, 3], [2, 1, 1])
    """
    lengths = segments.lengths
    rank = torch.empty_like(lengths)
    rank[torch.argsort(lengths, descending=True, stable=True)] = torch.arange(len(lengths), device=lengths.device)
    step = torch.arange(len(segments.ids), device=lengths.device) - segments.offsets[segments.ids]
    order = torch.argsort(step * len(lengths) + rank[segments.ids])
    return order, torch.bincount(step).cpu()  # PackedSequence requires the sizes on the CPU


def add_neighbours(left: Tensor, own: Tensor, right: Tensor, segments: Segments) -> Tensor:
    """Return own[i] + left[i - 1] + right[i + 1], for neighbours of the same segment only: (M, D) each -> (M, D)."""
    if len(own) < 2:
        return own + 0.0 * (left + right)
    same = (segments.ids[1:] == segments.ids[:-1]).unsqueeze(1)
    return own + F.pad(left[:-1] * same, (0, 0, 1, 0)) + F.pad(right[1:] * same, (0, 0, 0, 1))
