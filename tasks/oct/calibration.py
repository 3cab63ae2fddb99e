"""Calibration of class scores; it is fitted to the validation split and saved with the weights."""

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
    """Fits the calibration to scores and labels."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:
        """Fit logits (N, C) to labels (N,)."""
        ...


class TemperatureScaling:
    """The temperature of maximum likelihood (Guo et al. 2017, section 4.2); predicted classes do not change."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:
        return Calibrated(fit_temperature(logits, labels), torch.zeros(logits.shape[1]))


class BalancedBias:
    """Temperature and bias of each class of maximum likelihood, with equally weighted classes (Alexandari et al. 2020).

    Use it where the class frequencies of the test split, or of later patients, differ from those of validation.

    Args:
        strength: of a penalty on the distance from temperature 1 and bias 0, which keeps both finite if the validation
            split has no errors.
    """

    def __init__(self, strength: float = 1e-3) -> None:
        self.strength = strength

    def __call__(self, logits: Tensor, labels: Tensor) -> Calibrated:
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
