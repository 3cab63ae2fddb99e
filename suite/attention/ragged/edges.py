"""The edge layout: which receiver attends to which sender, sorted once and used by every layer."""

# N receivers (queries), S senders (keys and values; S = N within one graph), M edges, H heads, V width of a value

from functools import cached_property

import torch
from torch import Tensor

from suite.attention.ragged.segments import Segments, segment_spread, segment_sum, take_rows
from suite.attention.ragged.sparse_matrix import Sparsity


class Edges:
    """A graph for attention: receiver i attends to the senders j of its edges, sorted by receiver (CSR).

    Build it once with ``from_index``: it caches what the fast kernels need.

    Attributes:
        receivers: the N segments of edges that end in each receiver.
        senders: (M,) int64, the sender of each edge, sorted by receiver.
        num_senders: S.
        order: (M,), edge k here is edge ``order[k]`` of the caller; None where the caller's edges were sorted already.
        sparsity: the same graph as a sparse (N, S) pattern.

    >>> edges = Edges.from_index(torch.tensor([[0, 1, 2], [1, 1, 0]]), 3)
    >>> edges.senders, edges.receivers.ids
    (tensor([2, 0, 1]), tensor([0, 1, 1]))
    """

    def __init__(self, receivers: Segments, senders: Tensor, num_senders: int, order: Tensor | None = None) -> None:
        self.receivers = receivers
        self.senders = senders
        self.num_senders = num_senders
        self.order = order
        self.sparsity = Sparsity(receivers.offsets, senders, num_senders)

    @classmethod
    def from_index(cls, edge_index: Tensor, num_receivers: int, num_senders: int | None = None) -> "Edges":
        """Sort ``edge_index`` (2, M) by receiver: row 0 is the sender (key, value), row 1 the receiver (query).

        ``num_senders`` defaults to ``num_receivers``. Raises ValueError for another shape or type, and for an edge with
        a node outside the graph.
        """
        num_senders = num_receivers if num_senders is None else num_senders
        if edge_index.dim() != 2 or len(edge_index) != 2 or edge_index.dtype != torch.int64:
            raise ValueError(
                f"edge_index must be int64 of shape (2, M), got {edge_index.dtype} {tuple(edge_index.shape)}"
            )
        for name, ids, count in (("sender", edge_index[0], num_senders), ("receiver", edge_index[1], num_receivers)):
            if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= count):
                bad = int(((ids < 0) | (ids >= count)).nonzero()[0])
                raise ValueError(
                    f"edge {bad} has {name} {int(ids[bad])}, outside the {count} nodes 0..{count - 1}; "
                    "remove the edge or correct the number of nodes"
                )
        senders, receivers = edge_index
        order = None
        if bool((receivers.diff() < 0).any()):
            order = torch.argsort(receivers, stable=True)
            senders, receivers = senders[order], receivers[order]
        return cls(Segments.from_ids(receivers, num_receivers), senders, num_senders, order)

    def __len__(self) -> int:
        return len(self.senders)

    @cached_property
    def _by_sender(self) -> tuple[Segments, Tensor]:
        transposed, order = self.sparsity.transposed
        return Segments(transposed.offsets), order

    def to_receivers(self, x: Tensor) -> Tensor:
        """The row of each edge's receiver, in sorted order: (N, ...) -> (M, ...)."""
        return segment_spread(x, self.receivers)

    def to_senders(self, x: Tensor) -> Tensor:
        """The row of each edge's sender, in sorted order: (S, ...) -> (M, ...)."""
        return _GatherSenders.apply(x, self)

    def sum_by_sender(self, x: Tensor) -> Tensor:
        """Sum the rows of each sender's edges, given in sorted order: (M, ...) -> (S, ...)."""
        segments, order = self._by_sender
        return segment_sum(take_rows(x, order), segments)

    def to_caller(self, weights: Tensor) -> Tensor:
        """Reorder (M, ...) from the sorted order to the order of the caller's ``edge_index``."""
        if self.order is None:
            return weights
        return torch.empty_like(weights).index_copy(0, self.order, weights)

    def mask(self) -> Tensor:
        """The graph in the dense layout: bool (N, S), True where the receiver may attend to the sender."""
        mask = torch.zeros(len(self.receivers), self.num_senders, dtype=torch.bool, device=self.senders.device)
        mask[self.receivers.ids, self.senders] = True
        return mask


class _GatherSenders(torch.autograd.Function):
    """x[senders]; the gradient sums over edges sorted by sender instead of scattering."""

    @staticmethod
    def forward(ctx, x: Tensor, edges: Edges) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.edges = edges
        return take_rows(x, edges.senders)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        return ctx.edges.sum_by_sender(grad), None


def add_self_loops(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Replace the self-loops of ``edge_index`` (2, M) by exactly one per node, and sort by receiver, then by sender.

    Since the result is sorted, the weights that a layer returns are in its order.

    >>> add_self_loops(torch.tensor([[1, 0], [0, 0]]), num_nodes=2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    loops = torch.arange(num_nodes, device=edge_index.device).expand(2, -1)
    edge_index = torch.cat([edge_index[:, edge_index[0] != edge_index[1]], loops], dim=1)
    return edge_index[:, torch.argsort(edge_index[1] * num_nodes + edge_index[0], stable=True)]
