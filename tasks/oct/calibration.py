"""From scores to probabilities that can be taken at their word: fitted on validation, kept with the weights."""

# N samples, C classes

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tasks.oct.metrics import fit_temperature


class Calibrated(NamedTuple):
    """Probabilities are softmax(logits / temperature + bias): a scalar, and (C,)."""

    temperature: Tensor
    bias: Tensor


class Calibration(Protocol):
    """Fits scores to labels."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:
        """Fit logits (N, C) to labels (N,)."""
        ...


class TemperatureScaling:
    """One temperature, the likeliest (Guo et al. 2017, sec. 4.2); the predicted class stays what it was."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:  # noqa: D102
        return Calibrated(fit_temperature(logits, labels), torch.zeros(logits.shape[1]))


class BalancedBias:
    """A temperature and a bias for every class, the likeliest where classes count alike (Alexandari et al. 2020).

    The classes are then taken as equally frequent, so that errors in each are as likely: for sets whose test part, or
    whose patients to come, have other shares of the classes than the validation part. ``strength`` is that of a weak
    pull towards temperature 1 and no bias, which keeps both finite where validation has no errors.
    """

    def __init__(self, strength: float = 1e-3) -> None:
        self.strength = strength

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:  # noqa: D102
        classes = logits.shape[1]
        weight = 1.0 / torch.bincount(labels, minlength=classes).clamp(min=1).double()
        logits = logits.double()
        log_scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([log_scale, bias], max_iter=100, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(logits * log_scale.exp() + bias, labels, weight=weight)
            loss = loss + self.strength * (log_scale.square() + bias.square().sum())
            loss.backward()
            return loss

        with torch.enable_grad():
            optimizer.step(closure)
        return Calibrated((-log_scale).exp().detach().float(), bias.detach().float())
