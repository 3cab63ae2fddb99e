"""Bounds of rounding and sampling errors, so that a numeric test holds on every processor.

Processors sum in different orders, with and without fused multiply-add. Whatever the order, a sum of n rounded products
has an error of at most gamma_n sum |a_i b_i|, where gamma_n = n u / (1 - n u) and u = eps / 2 is the unit roundoff
(Higham 2002, "Accuracy and Stability of Numerical Algorithms", sec. 3.1).

Tests in float64 use the default tolerance of ``torch.testing.assert_close``, 1e-7 relative and absolute: gamma_n of a
million terms is 1.1e-10, so rounding never reaches it, and a wrong equation differs by far more. Tests of a lower
precision state their bound with the functions below.
"""

import torch
from torch import Tensor


def rounding_bound(dtype: torch.dtype, terms: int, magnitude: float = 1.0) -> float:
    """gamma_n * magnitude: the largest rounding error of ``terms`` operations on values of sum ``magnitude``."""
    unit = torch.finfo(dtype).eps / 2
    return terms * unit / (1 - terms * unit) * magnitude


def assert_within_rounding(actual: Tensor, expected: Tensor, terms: int, magnitude: float | None = None) -> None:
    """Assert that two results of ``terms`` rounded operations differ by their rounding errors at most.

    ``magnitude`` bounds the sum of the absolute values that are added; default is the largest entry of ``expected``.
    """
    if magnitude is None:
        magnitude = float(expected.detach().abs().max()) if expected.numel() else 0.0
    bound = 2 * rounding_bound(actual.dtype, terms, magnitude)
    torch.testing.assert_close(actual.double(), expected.double(), rtol=0, atol=bound)


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """The Frobenius norm of the difference, relative to that of ``expected``."""
    actual, expected = actual.detach().double(), expected.detach().double()
    return float((actual - expected).norm() / expected.norm())


def sampling_bound(draws: int, deviation: float) -> float:
    """Six standard errors of a mean: exceeded by one correct implementation in 500 million."""
    return 6 * deviation / draws**0.5


def attention_bounds(
    query: Tensor, key: Tensor, value: Tensor, allowed: Tensor, probe: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bounds of the rounding errors of softmax attention in ``dtype``: context, and gradients of query, key and value.

    Args:
        query, key, value: float64, (B, H, L, D), (B, H, S, D), (B, H, S, V); the scores are query . key.
        allowed: bool (B, H, L, S), True = may attend.
        probe: gradient of the context, (B, H, L, V).

    A score has the error delta = gamma_(D + 4) |query| . |key|, which includes the subtraction of the largest score.
    Softmax turns the error of scores into a relative error rho = e^(2 delta) - 1 of the weights, and its own sum and
    exponentials (within 4 units) add gamma_(S + 8). The rest follows the equations of the backward pass term by term:
    d scores = weights (d weights - mean), where d weights = probe . value and mean = sum of weights d weights.
    """
    (L, D), (S, V) = query.shape[2:], value.shape[2:]
    query, key, value, probe = (x.detach().double() for x in (query, key, value, probe))
    scores = (query @ key.mT).masked_fill(~allowed, -torch.inf)
    weights = scores.masked_fill(~allowed.any(-1, keepdim=True), 0.0).softmax(-1) * allowed
    delta = rounding_bound(dtype, D + 4) * (query.abs() @ key.abs().mT) * allowed
    rho = (2 * delta.amax(-1, keepdim=True)).expm1() + rounding_bound(dtype, S + 8)
    over_keys, over_queries = rounding_bound(dtype, S), rounding_bound(dtype, L)

    d_weights, d_weights_error = probe @ value.mT, rounding_bound(dtype, V) * (probe.abs() @ value.abs().mT)
    mean = (weights * d_weights).sum(-1, keepdim=True)
    mean_error = (weights * (d_weights.abs() * (rho + over_keys) + d_weights_error)).sum(-1, keepdim=True)
    d_scores = weights * (d_weights - mean)
    rounded_twice = rho + rounding_bound(dtype, 2)
    d_scores_error = weights * ((d_weights.abs() + mean.abs()) * rounded_twice + d_weights_error + mean_error)

    context = (weights * (rho + over_keys)) @ value.abs()
    d_query = (d_scores_error + over_keys * d_scores.abs()) @ key.abs()
    d_key = (d_scores_error + over_queries * d_scores.abs()).mT @ query.abs()
    d_value = (weights * (rho + over_queries)).mT @ probe.abs()
    return context, d_query, d_key, d_value
