"""Losses of next-item models, one small class each: (hidden, targets, table of items) -> a number."""

# N positions with a target, E model width, I items (row 0 of a table is padding and no item), K negatives

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CHUNK = 1 << 20  # scores in one piece: 4 MiB of float32, which stays in a cache


class ItemLoss(nn.Module):
    """The mean loss over N positions whose hidden state should score its target above the other items.

    Shape: hidden (N, E), targets (N,) ints in 1..I, table (I + 1, E) whose row 0 is padding -> a scalar.
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        """The loss; an empty N gives 0."""
        raise NotImplementedError


class FullSoftmax(ItemLoss):
    """Cross-entropy over all items.

    loss = mean of -log softmax over items i of (hidden . table[i]) at the target   (Klenitskiy & Vasilev 2023, eq. 4)

    Scores are made in pieces of ``CHUNK`` numbers, turned into their gradient at once and dropped, so nothing of size
    (N, I) ever exists and nothing is computed twice.
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:  # noqa: D102
        loss: Tensor = _FullSoftmax.apply(hidden, targets - 1, table[1:])
        return loss


class _FullSoftmax(torch.autograd.Function):
    """d hidden = (p - onehot) table / N;   d table = (p - onehot)^T hidden / N."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        d_hidden, d_table = torch.empty_like(hidden), torch.zeros_like(table)
        total = hidden.new_zeros(())
        size = max(1, min(CHUNK // len(table), len(hidden)))
        piece = hidden.new_empty(
            size, len(table)
        )  # one for all: memory fresh from the system costs more than a product
        for start in range(0, len(hidden), size):
            h, t = hidden[start : start + size], targets[start : start + size, None]
            scores = torch.mm(h, table.t(), out=piece[: len(h)])
            at_target = scores.sub_(scores.amax(1, keepdim=True)).gather(1, t)
            mass = scores.exp_().sum(1, keepdim=True)  # from here, scores hold p times mass
            total += (mass.log() - at_target).sum()
            if wanted:
                d_hidden[start : start + size] = (scores @ table).div_(mass)
                d_table.addmm_(scores.t(), h / mass)
        if wanted:
            d_hidden -= table[targets]
            d_table.index_add_(0, targets, hidden, alpha=-1.0)
        count = max(len(hidden), 1)
        ctx.save_for_backward(d_hidden.div_(count), d_table.div_(count))
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor]:
        d_hidden, d_table = ctx.saved_tensors
        return d_hidden * grad, None, d_table * grad


class SampledSoftmax(ItemLoss):
    """Cross-entropy against some items drawn evenly, the same for all positions of a batch.

    loss = mean of -log (exp s_target / (exp s_target + sum over negatives of exp s))   (Klenitskiy & Vasilev 2023, 3.2)

    A negative that is the target of a position takes no part there.
    """

    def __init__(self, negatives: int = 512) -> None:
        super().__init__()
        self.negatives = _at_least_one(negatives)

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:  # noqa: D102
        drawn = torch.randint(1, len(table), (self.negatives,), device=hidden.device)
        scores = (hidden @ table[drawn].t()).masked_fill(drawn == targets[:, None], -torch.inf)
        at_target = (hidden * table[targets]).sum(-1, keepdim=True)
        return (torch.cat([at_target, scores], 1).logsumexp(1) - at_target[:, 0]).sum() / max(len(hidden), 1)


class BinaryCrossEntropy(ItemLoss):
    """The paper's loss: the target against one item drawn evenly.

    loss = mean of -log sigmoid(s_target) - log(1 - sigmoid(s_negative))   (Kang & McAuley 2018, eq. 7)
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:  # noqa: D102
        return _binary(hidden, targets, table, 1, 1.0)


class GeneralizedBCE(ItemLoss):
    """gSASRec's loss: many negatives, and a power on the positive that undoes the overconfidence they would bring.

    loss = mean of -beta log sigmoid(s_target) - sum over K negatives of log(1 - sigmoid(s))
    beta = a (t (1 - 1 / a) + 1 / a),   a = K / (I - 1)   (Petrov & Macdonald 2023, eq. 10-11)

    ``calibration`` t = 0 is plain cross-entropy against K negatives, t = 1 makes sigmoid(s) a probability as softmax
    would have it. The sum is divided by K + 1, so that the size of a step does not depend on K.
    """

    def __init__(self, negatives: int = 256, calibration: float = 0.75) -> None:
        super().__init__()
        self.negatives = _at_least_one(negatives)
        if not 0.0 <= calibration <= 1.0:
            raise ValueError(f"calibration must lie in [0, 1], got {calibration}")
        self.calibration = calibration

    def beta(self, num_items: int) -> float:
        """The power of the positive term."""
        rate = min(1.0, self.negatives / max(num_items - 1, 1))
        return rate * (self.calibration * (1.0 - 1.0 / rate) + 1.0 / rate)

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:  # noqa: D102
        return _binary(hidden, targets, table, self.negatives, self.beta(len(table) - 1)) / (self.negatives + 1)


def _binary(hidden: Tensor, targets: Tensor, table: Tensor, negatives: int, beta: float) -> Tensor:
    """The mean over positions; every position draws its own negatives, never its target."""
    shape = (len(hidden), negatives)
    drawn = torch.randint(1, max(len(table) - 1, 2), shape, device=hidden.device)
    drawn = drawn + (drawn >= targets[:, None])  # evenly among the items that are not the target
    drawn = drawn.clamp_(max=len(table) - 1)
    scores = (table[drawn] @ hidden[..., None])[..., 0] if negatives == 1 else _drawn_scores(hidden, table, drawn)
    at_target = (hidden * table[targets]).sum(-1)
    return (F.softplus(scores).sum() + beta * F.softplus(-at_target).sum()) / max(len(hidden), 1)


def _drawn_scores(hidden: Tensor, table: Tensor, drawn: Tensor) -> Tensor:
    """Scores (N, K) of drawn items, some positions at a time: (n, K, E) is the dearest tensor here."""
    size = max(1, (16 << 20) // max(drawn.shape[1] * table.shape[1], 1))
    pieces = zip(hidden.split(size), drawn.split(size), strict=True)
    return torch.cat([torch.einsum("ne,nke->nk", h, F.embedding(d, table)) for h, d in pieces])


def _at_least_one(negatives: int) -> int:
    if negatives < 1:
        raise ValueError(f"negatives must be at least 1, got {negatives}")
    return negatives
