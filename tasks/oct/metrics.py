"""Figures of a classifier, from scores and labels of all samples together."""

# N samples, C classes, R resamples

import torch
from torch import Tensor

from suite.metrics.auroc import auroc


def confusion(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Counts (C, C): row = label, column = prediction."""
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


def recall(counts: Tensor) -> Tensor:
    """Sensitivity of every class, (..., C) from counts (..., C, C); NaN for a class without samples."""
    return counts.diagonal(dim1=-2, dim2=-1) / counts.sum(-1)


def specificity(counts: Tensor) -> Tensor:
    """For every class, the share of the other classes' samples not taken for it, (C,)."""
    taken = counts.sum(0) - counts.diagonal()
    return 1.0 - taken / (counts.sum() - counts.sum(1))


def balanced_accuracy(counts: Tensor) -> Tensor:
    """Mean sensitivity of the classes that have samples, (...)."""
    return recall(counts.double()).nanmean(-1)


def macro_auroc(probabilities: Tensor, labels: Tensor) -> float:
    """Mean over classes of the area of that class against the rest, without classes that are missing."""
    areas = torch.tensor([auroc(column, labels == c) for c, column in enumerate(probabilities.unbind(1))])
    return float(areas.nanmean())


def kappa(counts: Tensor) -> float:
    """Cohen's kappa with quadratic weights: agreement on a scale beyond that of chance (Cohen 1968)."""
    total = counts.double() / counts.sum()
    place = torch.arange(len(counts), dtype=torch.float64)
    cost = (place[:, None] - place[None, :]) ** 2
    chance = total.sum(1)[:, None] * total.sum(0)[None, :]
    expected = float((cost * chance).sum())
    return 1.0 - float((cost * total).sum()) / expected if expected else float("nan")


def calibration_bins(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> Tensor:
    """Confidence, accuracy and share of samples in equally wide bins of confidence: (bins, 3), empty ones all 0."""
    confidence, predicted = probabilities.double().max(1)
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    sums = torch.zeros(num_bins, 3, dtype=torch.float64)
    right = (predicted == labels).double()
    sums.index_add_(0, bins, torch.stack([confidence, right, torch.ones_like(right)], dim=1))
    return torch.cat([sums[:, :2] / sums[:, 2:].clamp(min=1.0), sums[:, 2:] / len(labels)], dim=1)


def calibration_error(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, on average (Guo et al. 2017, eq. 5)."""
    confidence, accuracy, share = calibration_bins(probabilities, labels, num_bins).unbind(1)
    return float(((confidence - accuracy).abs() * share).sum())


def bootstrap(predicted: Tensor, labels: Tensor, num_classes: int, resamples: int = 500) -> dict[str, float]:
    """The middle 95 % of accuracy and balanced accuracy over samples drawn again with replacement, always the same way.

    Efron 1979. Keys: accuracy_low, accuracy_high, balanced_accuracy_low, balanced_accuracy_high.
    """
    generator = torch.Generator().manual_seed(0)
    cell = (labels * num_classes + predicted).cpu()
    drawn = torch.randint(len(cell), (resamples, len(cell)), generator=generator)
    counts = torch.zeros(resamples, num_classes**2)
    counts.scatter_add_(1, cell[drawn], torch.ones(()).expand(drawn.shape))
    counts = counts.view(resamples, num_classes, num_classes)
    accuracy = counts.diagonal(dim1=1, dim2=2).sum(1) / len(cell)
    ends = torch.tensor([0.025, 0.975])
    told: dict[str, float] = {}
    for name, values in (("accuracy", accuracy), ("balanced_accuracy", balanced_accuracy(counts).float())):
        low, high = values.quantile(ends).tolist()
        told |= {f"{name}_low": low, f"{name}_high": high}
    return told


def fit_temperature(logits: Tensor, labels: Tensor) -> Tensor:
    """The temperature T that makes softmax(logits / T) likeliest for the labels (Guo et al. 2017, sec. 4.2).

    Golden-section search over log T in [-3, 3]; the loss has one minimum in 1 / T. Returns a scalar.
    """
    logits = logits.double()
    own = logits.gather(1, labels[:, None]).squeeze(1)

    def loss(log_temperature: float) -> float:
        scale = torch.tensor(-log_temperature).exp()
        return float((torch.logsumexp(logits * scale, 1) - own * scale).mean())

    low, high, ratio = -3.0, 3.0, (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(30):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return torch.tensor((low + high) / 2).exp()
