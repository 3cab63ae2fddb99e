"""Alignments: how scores become weights. Each takes ``(scores, mask)`` and returns the weights."""

# B batch, H heads, L queries, S keys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.functional import masked_softmax
from suite.attention.operators.recompute import without_autocast


class Alignment(nn.Module):
    """Base class: turns scores (..., S) into weights of the keys that ``mask`` (bool, True = may attend) allows.

    The rows of weights sum to 1, or to 0 if no key is allowed.

    Attributes:
        rowwise: True if a row of weights depends on no other row of scores, so that chunks of queries can be computed
            separately, and computed again in the backward pass.
        stateful: True if ``forward`` takes the weights of the previous step as ``previous``.
        couples_queries: True if a row of weights depends on the rows after it, so that neither causal attention nor
            attention of one query at a time can use it.
    """

    rowwise = True
    stateful = False
    couples_queries = False

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        """Weights of the scores: (..., S) -> (..., S)."""
        raise NotImplementedError


class Softmax(Alignment):
    """Softmax over the keys, with a temperature.

    weights[j] = exp(scores[j] / temperature) / sum over k of exp(scores[k] / temperature)
    (Bahdanau et al. 2015, eq. 6; a temperature below 1 is the sharpening of Chorowski et al. 2015, sec. 2.3)

    Raises ValueError for a temperature that is not positive.

    >>> Softmax()(torch.zeros(1, 4), torch.tensor([True, True, False, False]))
    tensor([[0.5000, 0.5000, 0.0000, 0.0000]])
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.temperature = temperature

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_softmax(scores if self.temperature == 1.0 else scores / self.temperature, mask)


class Sparsemax(Alignment):
    """The Euclidean projection of the scores onto the simplex; many weights are exactly 0.

    weights[j] = max(scores[j] - tau, 0), tau such that they sum to 1   (Martins & Astudillo 2016, eq. 2 and alg. 1)

    >>> Sparsemax()(torch.tensor([[3.0, 2.5, 0.0]]))
    tensor([[0.7500, 0.2500, 0.0000]])
    """

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        return _sparse(scores, mask, power=1)


class Entmax15(Alignment):
    """1.5-entmax, between softmax and sparsemax: sparse weights with a continuous derivative.

    weights[j] = max(scores[j] / 2 - tau, 0)^2, tau such that they sum to 1   (Peters et al. 2019, eq. 9-10)

    >>> Entmax15()(torch.tensor([[3.0, 3.0, 0.0]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        return _sparse(scores, mask, power=2)


class Sigmoid(Alignment):
    """Smoothed attention: softmax with the sigmoid in place of the exponential, so that no key dominates.

    weights[j] = sigmoid(scores[j]) / sum over k of sigmoid(scores[k])   (Chorowski et al. 2015, sec. 2.3)

    It is computed as the softmax of log sigmoid(scores), which does not underflow.

    >>> Sigmoid()(torch.tensor([[50.0, 90.0, -90.0]])).round(decimals=4)
    tensor([[0.5000, 0.5000, 0.0000]])
    """

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_softmax(F.logsigmoid(scores), mask)


class Monotonic(Alignment):
    """Monotonic attention: the expected weights of a reader that only moves forward and stops with p = sigmoid(score).

    q[i, j] = (1 - p[i, j - 1]) q[i, j - 1] + weights[i - 1, j];   weights[i, j] = p[i, j] q[i, j];
    p = sigmoid(scores)   (Raffel et al. 2017, eq. 8-10)

    ``previous`` (B, H, 1, S) are the weights of the step before the first query; without it the reader starts before
    the first key. The reader may pass the last key, so a row sums to at most 1. The recurrence over j is a product with
    T[k, j] = prod of (1 - p) from k to j - 1. Each T[k, j] is exp of one sum of logarithms, not of a difference
    of two sums, so that one large score costs the keys after it no digits. Half precision is computed in float32. A
    step costs O(S^2); queries are computed one after the other.

    >>> Monotonic()(torch.tensor([[[[90.0, 0.0, 0.0], [-90.0, 90.0, 0.0]]]])).round(decimals=4)
    tensor([[[[1., 0., 0.],
              [0., 1., 0.]]]])
    """

    rowwise = False
    stateful = True

    def forward(self, scores: Tensor, mask: Tensor | None = None, previous: Tensor | None = None) -> Tensor:
        """Weights of the scores: (B, H, L, S) -> (B, H, L, S)."""
        if scores.numel() == 0:
            return torch.zeros_like(scores)
        wide = scores if scores.dtype == torch.float64 else scores.float()
        log_pass = F.logsigmoid(-wide)  # log (1 - p)
        stop = wide.sigmoid()
        if mask is not None:
            log_pass, stop = log_pass.masked_fill(~mask, 0.0), stop.masked_fill(~mask, 0.0)
        if previous is None:
            last = F.one_hot(torch.zeros_like(wide[..., 0, 0], dtype=torch.long), wide.shape[-1]).to(wide)
        else:
            last = previous.squeeze(-2).to(wide)
        rows = []
        with without_autocast(scores.device):
            for i in range(wide.shape[-2]):
                last = stop[..., i, :] * (last[..., None, :] @ _passed(log_pass[..., i, :])).squeeze(-2)
                rows.append(last)
        return torch.stack(rows, dim=-2).to(scores.dtype)


def _passed(log_pass: Tensor) -> Tensor:
    """T[k, j] = exp of the sum of ``log_pass`` from k to j - 1 where k <= j, else 0: (..., S) -> (..., S, S)."""
    count = log_pass.shape[-1]
    later = torch.ones(count, count, dtype=torch.bool, device=log_pass.device).triu(1)  # [k, j]: k < j
    before = F.pad(log_pass[..., :-1], (1, 0))[..., None, :].expand(*log_pass.shape, count)  # of key j - 1
    return before.masked_fill(~later, 0.0).cumsum(-1).exp().masked_fill(later.T, 0.0)


class Sinkhorn(Alignment):
    """Sinkhorn balancing of a square matrix: rows and columns sum to 1, a soft permutation of the keys.

    repeat: divide exp(scores) by its column sums, then by its row sums   (Tay et al. 2020, sec. 3.1.1; Sinkhorn 1964)

    Rows are divided last, so they sum to 1 exactly. Raises ValueError where L and S differ: no such matrix exists.

    >>> Sinkhorn()(torch.tensor([[[[8.0, 0.0], [8.0, 0.0]]]])).sum(-2).allclose(torch.ones(2))
    True
    """

    rowwise = False
    couples_queries = True

    def __init__(self, iterations: int = 8) -> None:
        super().__init__()
        self.iterations = iterations

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        if scores.shape[-1] != scores.shape[-2]:
            raise ValueError(
                f"sinkhorn balances a square matrix, got {scores.shape[-2]} queries and {scores.shape[-1]} keys; "
                "use attention.alignment=softmax between different sequences"
            )
        allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
        log_weights = scores.masked_fill(~allowed, -torch.inf)
        for _ in range(self.iterations):
            log_weights = _log_normalised(log_weights, allowed, dim=-2)
            log_weights = _log_normalised(log_weights, allowed, dim=-1)
        return log_weights.exp()


class Hard(Alignment):
    """Hard attention: one key per query, sampled during training, the most probable key otherwise.

    weights = one-hot of j ~ softmax(scores)   (Xu et al. 2015, eq. 8-9; Mnih et al. 2014)

    A row is sampled once and never computed again, so ``rowwise`` is False. A sample has no gradient; the score learns
    by REINFORCE from ``log_prob`` of the sampled weights:

    >>> scores, hard = torch.zeros(1, 1, 2, 5, requires_grad=True), Hard()
    >>> weights = hard(scores)
    >>> advantage = torch.ones(1, 1, 2)  # reward minus baseline of each query
    >>> (-advantage * hard.log_prob(scores, weights)).sum().backward()
    """

    rowwise = False

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        probabilities = masked_softmax(scores.detach(), mask)
        if self.training:  # the argmax of p / exponential noise is a sample of p
            probabilities = probabilities / torch.empty_like(probabilities, dtype=torch.float32).exponential_()
        if scores.shape[-1] == 0:
            return probabilities
        best = torch.zeros_like(scores).scatter(-1, probabilities.argmax(-1, keepdim=True), 1.0)
        return best if mask is None else best * mask.any(-1, keepdim=True)

    def log_prob(self, scores: Tensor, weights: Tensor, mask: Tensor | None = None) -> Tensor:
        """Log probability of the keys in ``weights``, (..., L), differentiable in the scores; 0 for an empty row."""
        allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
        log_p = _log_normalised(scores.masked_fill(~allowed, -torch.inf), allowed, dim=-1)
        return log_p.masked_fill(weights == 0, 0.0).sum(-1)


class StraightThrough(Hard):
    """Hard attention with the gradient of softmax: the straight-through estimator.

    forward: one-hot of j ~ softmax(scores);   backward: d softmax(scores)   (Bengio et al. 2013)

    >>> scores = torch.tensor([[1.0, 2.0]], requires_grad=True)
    >>> StraightThrough().eval()(scores)
    tensor([[0., 1.]], grad_fn=<AddBackward0>)
    """

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        soft = masked_softmax(scores, mask)
        return super().forward(scores, mask) + (soft - soft.detach())


def _log_normalised(log_weights: Tensor, allowed: Tensor, dim: int) -> Tensor:
    """Subtract the log of the sum over ``dim``; a line without an allowed entry stays at -inf, with zero gradient."""
    empty = ~allowed.any(dim, keepdim=True)
    total = log_weights.masked_fill(empty, 0.0).logsumexp(dim, keepdim=True)
    return log_weights.masked_fill(~allowed, 0.0).sub(total).masked_fill(~allowed, -torch.inf)


def _sparse(scores: Tensor, mask: Tensor | None, power: int) -> Tensor:
    """max(scores / power - tau, 0)^power of the allowed keys, which sums to 1: sparsemax (1) and 1.5-entmax (2)."""
    if scores.shape[-1] == 0:
        return scores
    wide = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    if mask is not None:
        # keys more than 2 below the best have weight 0, so 4 below acts like -inf and is finite
        best = wide.detach().masked_fill(~mask, -torch.inf).amax(-1, keepdim=True)
        wide = (wide - best.masked_fill(best == -torch.inf, 0.0)).masked_fill(~mask, -4.0)
    weights: Tensor = _SimplexProjection.apply(wide, power)
    return (weights if mask is None else weights * mask).to(scores.dtype)


class _SimplexProjection(torch.autograd.Function):
    """d weights = s * (d scores - mean of d scores under s), s = weights^(1 - 1/power) on the support.

    (Peters et al. 2019, sec. 3.3: the Jacobian is diag(s) - s s^T / sum(s))
    """

    @staticmethod
    def forward(ctx, scores: Tensor, power: int) -> Tensor:  # type: ignore[no-untyped-def]
        z = (scores - scores.amax(-1, keepdim=True)) / power
        z_sorted = z.sort(-1, descending=True).values
        count = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
        mean = z_sorted.cumsum(-1) / count
        if power == 1:
            tau = mean - 1.0 / count
        else:
            variance = (z_sorted.square().cumsum(-1) / count - mean.square()).clamp(min=0.0)
            tau = mean - (1.0 / count - variance).clamp(min=0.0).sqrt()
        size = (tau <= z_sorted).sum(-1, keepdim=True)  # of the support
        weights = (z - tau.gather(-1, size - 1)).clamp(min=0.0) ** power
        ctx.power = power
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        (weights,) = ctx.saved_tensors
        support = weights > 0
        if ctx.power == 1:
            s = support.to(grad.dtype)
        else:  # the inner masked_fill keeps the derivative of the root at 0 out of a second derivative
            s = weights.masked_fill(~support, 1.0).sqrt().masked_fill(~support, 0.0)
        return s * (grad - (grad * s).sum(-1, keepdim=True) / s.sum(-1, keepdim=True)), None
