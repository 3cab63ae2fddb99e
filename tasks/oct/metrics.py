"""Metrics of scan classification, from the scores and labels of all samples."""

# N samples, C classes, R resamples

import torch
from torch import Tensor

from suite.metrics.auroc import auroc


def confusion(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return counts (C, C): rows are labels, columns are predictions."""
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


def recall(counts: Tensor) -> Tensor:
    """Return the sensitivity of each class, (..., C) from counts (..., C, C); NaN for a class without samples."""
    return counts.diagonal(dim1=-2, dim2=-1) / counts.sum(-1)


def specificity(counts: Tensor) -> Tensor:
    """Return for each class the fraction of samples of other classes that are not predicted as it, (C,)."""
    taken = counts.sum(0) - counts.diagonal()
    return 1.0 - taken / (counts.sum() - counts.sum(1))


def balanced_accuracy(counts: Tensor) -> Tensor:
    """Return the mean sensitivity of the classes that have samples, (...)."""
    return recall(counts.double()).nanmean(-1)


def macro_auroc(probabilities: Tensor, labels: Tensor) -> float:
    """Return the mean AUROC of each class against the rest, over the classes that have samples."""
    areas = torch.tensor([auroc(column, labels == c) for c, column in enumerate(probabilities.unbind(1))])
    return float(areas.nanmean())


def kappa(counts: Tensor) -> float:
    """Return Cohen's kappa with quadratic weights: the agreement on a scale, corrected for chance (Cohen 1968)."""
    total = counts.double() / counts.sum()
    place = torch.arange(len(counts), dtype=torch.float64)
    cost = (place[:, None] - place[None, :]) ** 2
    chance = total.sum(1)[:, None] * total.sum(0)[None, :]
    expected = float((cost * chance).sum())
    return 1.0 - float((cost * total).sum()) / expected if expected else float("nan")


def calibration_bins(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> Tensor:
    """Return confidence, accuracy and fraction of samples in bins of equal width: (bins, 3); 0 in empty bins."""
    confidence, predicted = probabilities.double().max(1)
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    sums = torch.zeros(num_bins, 3, dtype=torch.float64)
    right = (predicted == labels).double()
    sums.index_add_(0, bins, torch.stack([confidence, right, torch.ones_like(right)], dim=1))
    return torch.cat([sums[:, :2] / sums[:, 2:].clamp(min=1.0), sums[:, 2:] / len(labels)], dim=1)


def calibration_error(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy (Guo et al. 2017, eq. 5)."""
    confidence, accuracy, share = calibration_bins(probabilities, labels, num_bins).unbind(1)
    return float(((confidence - accuracy).abs() * share).sum())


def bootstrap(predicted: Tensor, labels: Tensor, num_classes: int, resamples: int = 500) -> dict[str, float]:
    """Return the 95 % bootstrap intervals of accuracy and balanced accuracy (Efron 1979), with a fixed seed.

    Keys: accuracy_low, accuracy_high, balanced_accuracy_low, balanced_accuracy_high.
    """
    generator = torch.Generator().manual_seed(0)
    cell = (labels * num_classes + predicted).cpu()
    drawn = torch.randint(len(cell), (resamples, len(cell)), generator=generator)
    counts = torch.zeros(resamples, num_classes**2)
    counts.scatter_add_(1, cell[drawn], torch.ones(()).expand(drawn.shape))
    counts = counts.view(resamples, num_classes, num_classes)
    accuracy = counts.diagonal(dim1=1, dim2=2).sum(1) / len(cell)
    ends = torch.tensor([0.025, 0.975])
    intervals: dict[str, float] = {}
    for name, values in (("accuracy", accuracy), ("balanced_accuracy", balanced_accuracy(counts).float())):
        low, high = values.quantile(ends).tolist()
        intervals |= {f"{name}_low": low, f"{name}_high": high}
    return intervals


def fit_temperature(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the temperature T of maximum likelihood for softmax(logits / T) (Guo et al. 2017, section 4.2).

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
