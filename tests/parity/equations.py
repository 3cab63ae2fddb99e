"""The equations of attention in plain operators of float64, written apart from ``suite.attention``, for comparison."""

# B batch, H heads, L queries, S keys, D width of a query and a key, V width of a value

from collections.abc import Callable
from typing import Any

import entmax
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.numerics import rounding_bound


def attend(case: Any, module: Any, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """The context (B, H, L, V) of the choices of a case, with the parameters of a module."""
    L, S = query.shape[2], key.shape[2]
    scores = score_of(case.score, module.score, query, key)
    names = case.pattern.split(" & ")
    mask = torch.ones(L, S, dtype=torch.bool) if allowed is None else allowed
    for name in names:
        if name != "local_predictive":
            mask = mask & rule_of(name, L, S)
    mask = mask.expand(scores.shape)
    factor = torch.ones_like(scores)
    if "local_predictive" in names:
        pattern = module.pattern if len(names) == 1 else module.pattern.right
        mask, factor = local_p(pattern, query, mask)
    return align(case.alignment, scores, mask) * factor @ value


def score_of(name: str, score: Any, query: Tensor, key: Tensor) -> Tensor:
    """score[b, h, i, j], every pair by itself."""
    q, k, D = query[:, :, :, None], key[:, :, None], query.shape[-1]

    def per_head(p: Tensor) -> Tensor:  # (H, D) beside pairs
        return p[:, None, None]

    match name:
        case "dot":
            return (q * k).sum(-1)
        case "scaled_dot":
            return (q * k).sum(-1) / D**0.5
        case "general":
            return (q[..., None, :] @ score.weight[:, None, None] @ k[..., None])[..., 0, 0]
        case "cosine":
            lengths = q.norm(dim=-1).clamp(min=1e-12) * k.norm(dim=-1).clamp(min=1e-12)
            return F.softplus(score.log_sharpness) * (q * k).sum(-1) / lengths
        case "additive" | "location_sensitive":
            return (torch.tanh(q + k + per_head(score.bias)) * per_head(score.vector)).sum(-1)
        case "concat":
            hidden = q @ score.query_weight[:, None] + k @ score.key_weight[:, None]
            return (torch.tanh(hidden) * per_head(score.vector)).sum(-1)
        case "gat":
            sums = (q * per_head(score.query_vector)).sum(-1) + (k * per_head(score.key_vector)).sum(-1)
            return torch.where(sums > 0, sums, 0.2 * sums)
        case "gatv2":
            sums = q + k
            return (torch.where(sums > 0, sums, 0.2 * sums) * per_head(score.vector)).sum(-1)
        case "location_based":
            return (q * score.weight[:, None, : key.shape[2]]).sum(-1)
    raise AssertionError(name)


def rule_of(name: str, L: int, S: int) -> Tensor:
    """allowed[i, j] of the patterns of ``matrix.PATTERN_CONFIGS``; the last query is at the last key."""
    i, j = torch.arange(L)[:, None] + S - L, torch.arange(S)
    match name:
        case "full":
            return (i == i) & (j == j)
        case "causal":
            return j <= i
        case "window":
            return (j - i).abs() <= 1
        case "lengths":
            return j < torch.tensor([12, 9])[:, None, None, None]
        case "graph_edges":
            return ((i == 1) & ((j == 0) | (j == 3))) | ((i == 2) & (j == 5)) | ((i == 0) & (j == 1))
        case "block_sparse":
            return j // 3 == (i // 3 - 1) % 4
        case "sinkhorn_blocks":
            return (j // 3 == i // 3) | (j // 3 == torch.tensor([1, 2, 0, 3])[i // 3])
        case "global_local":
            return (i == 0) | (j == 0) | ((j - i).abs() <= 1)
        case "axial_rows":
            return i // 4 == j // 4
        case "axial_columns":
            return i % 4 == j % 4
        case "local_monotonic":
            return (j - (i - S + L)).abs() <= 1  # the first query is at the first key
    raise AssertionError(name)


def local_p(pattern: Any, query: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The keys near the predicted position, and the Gaussian."""
    place = torch.arange(mask.shape[-1])
    first = torch.where(mask, place, mask.shape[-1]).amin(-1, keepdim=True)
    last = torch.where(mask, place, -1).amax(-1, keepdim=True)
    share = torch.sigmoid(torch.tanh(query @ pattern.weight) @ pattern.vector)
    p = first + (last - first + 1).clamp(min=0) * share
    return mask & ((place - p).abs() <= 2), torch.exp(-((place - p) ** 2) / 2)  # sigma = width / 2 = 1


def align(name: str, scores: Tensor, mask: Tensor) -> Tensor:
    """Weights of the allowed keys; an empty row gives zeros."""
    some = mask.any(-1, keepdim=True)
    low = torch.where(mask, scores, -1e4)
    match name:
        case "softmax":
            weights = F.softmax(low, -1)
        case "sparsemax":
            weights = projection(low.masked_fill(~some, 0.0), 1)
        case "entmax15":
            weights = projection(low.masked_fill(~some, 0.0), 2)
        case "sigmoid":
            share = torch.sigmoid(scores) * mask
            weights = share / share.sum(-1, keepdim=True).masked_fill(~some, 1.0)
        case "monotonic":
            return monotonic(torch.sigmoid(scores) * mask)
        case "sinkhorn":
            weights = low.exp() * mask
            for _ in range(8):
                weights = weights / weights.sum(-2, keepdim=True).masked_fill(~mask.any(-2, keepdim=True), 1.0)
                weights = weights / weights.sum(-1, keepdim=True).masked_fill(~some, 1.0)
        case "hard":
            weights = F.one_hot(low.argmax(-1), low.shape[-1]).to(scores)
        case "straight_through":
            soft = F.softmax(low, -1) * mask
            hard = F.one_hot(low.argmax(-1), low.shape[-1]).to(scores) * mask
            weights = hard + soft - soft.detach()
    return weights * mask


def projection(scores: Tensor, power: int) -> Tensor:
    """max(scores / power - tau, 0)^power: tau of the support that fits, in closed form, which autograd differentiates.

    sparsemax: tau = mean - 1 / k;   1.5-entmax: tau = mean - sqrt(1 / k - variance)   (Peters et al. 2019, alg. 2)
    """
    with torch.no_grad():
        package = entmax.sparsemax if power == 1 else entmax.entmax15
        support = (package(scores, dim=-1) > 0).to(scores)
    z, k = scores / power, support.sum(-1, keepdim=True)
    mean = (z * support).sum(-1, keepdim=True) / k
    variance = ((z - mean).square() * support).sum(-1, keepdim=True) / k
    tau = mean - (1.0 / k if power == 1 else (1.0 / k - variance).clamp(min=1e-300).sqrt())
    return ((z - tau) * support) ** power


def monotonic(p: Tensor) -> Tensor:
    """Raffel et al. 2017, eq. 9-10, key by key."""
    before = F.one_hot(torch.zeros(p.shape[:2], dtype=torch.long), p.shape[-1]).to(p)
    rows = []
    for stop in p.unbind(2):
        q, row = torch.zeros_like(stop[..., 0]), []
        for j in range(p.shape[-1]):
            q = q * (1 - stop[..., j - 1] if j else 0.0) + before[..., j]
            row.append(stop[..., j] * q)
        before = torch.stack(row, -1)
        rows.append(before)
    return torch.stack(rows, 2)


def rounding_bounds(
    equation: Callable[..., Tensor],
    twin: nn.Module,
    inputs: list[Tensor],
    dtype: torch.dtype,
    gradients: Callable[[Tensor, list[Tensor]], list[Tensor]],
) -> list[Tensor]:
    """Bounds of the rounding errors of the output and of the gradients, from the condition of the equation.

    A computation in ``dtype`` gives the result of inputs and parameters that differ by gamma_n of their size, n the
    rounded operations on the way of a number (Higham 2002, sec. 1.5: small backward errors). Here n = 3 D + 20: two
    products of D terms and a projection, the functions between them, and the roundings of their results. The largest
    change of the result in 6 random changes of that size, times 8, bounds it, plus the rounding of the result itself;
    of a gradient, that of the largest one, since terms of that size may cancel (softmax does not see a bias of keys).
    """
    terms = 3 * inputs[0].shape[-1] + 20
    size = rounding_bound(dtype, terms)
    tensors = [*inputs, *twin.parameters()]

    def results() -> list[Tensor]:
        output = equation(twin, *inputs)
        return [output.detach(), *gradients(output, tensors)]

    exact = results()
    bounds = [torch.zeros((), dtype=torch.float64) for _ in exact]
    before = [x.detach().clone() for x in tensors]
    for _ in range(6):
        for x, y in zip(tensors, before, strict=True):
            x.data = y + size * y.abs().amax() * (2 * torch.rand_like(y) - 1) if y.numel() else y
        for n, (changed, right) in enumerate(zip(results(), exact, strict=True)):
            if right.numel():
                bounds[n] = torch.maximum(bounds[n], (changed - right).abs().amax())
    for x, y in zip(tensors, before, strict=True):
        x.data = y
    largest = max(float(right.abs().amax()) for right in exact[1:] if right.numel())  # of the terms of a gradient, too
    own = [float(exact[0].abs().amax()) if exact[0].numel() else 0.0, *([largest] * (len(exact) - 1))]
    return [8 * bound + size * magnitude for bound, magnitude in zip(bounds, own, strict=True)]
