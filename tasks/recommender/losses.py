"""Losses of models that predict the next item: (hidden, targets, item embeddings) -> a scalar."""

# N positions with a target, E model width, I items (row 0 of a table is padding and no item), K negatives

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CHUNK = 1 << 20  # scores computed at a time: 4 MiB of float32, which fit into a cache


class ItemLoss(nn.Module):
    """Mean loss over N positions whose hidden state should score the target above the other items.

    Shape: hidden (N, E), targets (N,) ints in 1..I, table (I + 1, E) whose row 0 is padding -> a scalar.
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        """Return the loss; it is 0 for N = 0."""
        raise NotImplementedError


class FullSoftmax(ItemLoss):
    """Cross-entropy over all items.

    loss = mean of -log softmax over items i of (hidden . table[i]) at the target   (Klenitskiy & Vasilev 2023, eq. 4)

    The forward pass computes ``CHUNK`` scores at a time and replaces them by their gradient, so no tensor of size
    (N, I) is allocated and nothing is computed twice.
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
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
        chunk = hidden.new_empty(size, len(table))  # reused: allocating memory takes longer than the product
        for start in range(0, len(hidden), size):
            h, t = hidden[start : start + size], targets[start : start + size, None]
            scores = torch.mm(h, table.t(), out=chunk[: len(h)])
            at_target = scores.sub_(scores.amax(1, keepdim=True)).gather(1, t)
            mass = scores.exp_().sum(1, keepdim=True)  # scores are now p times mass
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
    """Cross-entropy against items drawn uniformly, the same for all positions of a batch.

    loss = mean of -log (exp s_target / (exp s_target + sum over negatives of exp s))   (Klenitskiy & Vasilev 2023, 3.2)

    A negative that is the target of a position is ignored there.

    Args:
        negatives: number of drawn items.
    """

    def __init__(self, negatives: int = 512) -> None:
        super().__init__()
        self.negatives = _at_least_one(negatives)

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        drawn = torch.randint(1, len(table), (self.negatives,), device=hidden.device)
        scores = (hidden @ table[drawn].t()).masked_fill(drawn == targets[:, None], -torch.inf)
        at_target = (hidden * table[targets]).sum(-1, keepdim=True)
        return (torch.cat([at_target, scores], 1).logsumexp(1) - at_target[:, 0]).sum() / max(len(hidden), 1)


class BinaryCrossEntropy(ItemLoss):
    """SASRec's original loss: the target against one item drawn uniformly.

    loss = mean of -log sigmoid(s_target) - log(1 - sigmoid(s_negative))   (Kang & McAuley 2018, eq. 7)
    """

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        return _binary(hidden, targets, table, 1, 1.0)


class GeneralizedBCE(ItemLoss):
    """gSASRec's loss: many negatives, and a power of the positive term that corrects the overconfidence they cause.

    loss = mean of -beta log sigmoid(s_target) - sum over K negatives of log(1 - sigmoid(s))
    beta = a (t (1 - 1 / a) + 1 / a),   a = K / (I - 1)   (Petrov & Macdonald 2023, eq. 10-11)

    The sum is divided by K + 1, so that the size of a step does not depend on K.

    Args:
        negatives: K.
        calibration: t; 0 is plain binary cross-entropy with K negatives, 1 makes sigmoid(s) a calibrated probability.
    """

    def __init__(self, negatives: int = 256, calibration: float = 0.75) -> None:
        super().__init__()
        self.negatives = _at_least_one(negatives)
        if not 0.0 <= calibration <= 1.0:
            raise ValueError(f"calibration must be in [0, 1], got {calibration}")
        self.calibration = calibration

    def beta(self, num_items: int) -> float:
        """The power beta of the positive term."""
        rate = min(1.0, self.negatives / max(num_items - 1, 1))
        return rate * (self.calibration * (1.0 - 1.0 / rate) + 1.0 / rate)

    def forward(self, hidden: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        return _binary(hidden, targets, table, self.negatives, self.beta(len(table) - 1)) / (self.negatives + 1)


def _binary(hidden: Tensor, targets: Tensor, table: Tensor, negatives: int, beta: float) -> Tensor:
    """Mean over positions; each position draws its own negatives, which are never its target."""
    shape = (len(hidden), negatives)
    drawn = torch.randint(1, max(len(table) - 1, 2), shape, device=hidden.device)
    drawn = drawn + (drawn >= targets[:, None])  # uniform over the items that are not the target
    drawn = drawn.clamp_(max=len(table) - 1)
    scores = (table[drawn] @ hidden[..., None])[..., 0] if negatives == 1 else _drawn_scores(hidden, table, drawn)
    at_target = (hidden * table[targets]).sum(-1)
    return (F.softplus(scores).sum() + beta * F.softplus(-at_target).sum()) / max(len(hidden), 1)


def _drawn_scores(hidden: Tensor, table: Tensor, drawn: Tensor) -> Tensor:
    """Scores (N, K) of drawn items, computed for some positions at a time to bound the tensor (n, K, E)."""
    size = max(1, (16 << 20) // max(drawn.shape[1] * table.shape[1], 1))
    chunks = zip(hidden.split(size), drawn.split(size), strict=True)
    return torch.cat([torch.einsum("ne,nke->nk", h, F.embedding(d, table)) for h, d in chunks])


def _at_least_one(negatives: int) -> int:
    if negatives < 1:
        raise ValueError(f"negatives must be at least 1, got {negatives}")
    return negatives
