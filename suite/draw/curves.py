"""ROC and reliability curves of a classifier."""

# N samples, C classes

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_reliability", "draw_roc", "roc_points"]


def roc_points(scores: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1).

    Samples with equal scores share one threshold. Rates are 0 where there are no samples of a class.

    Shape: scores (N,), positive (N,) bool -> two tensors (n,) with n <= N + 1.

    >>> roc_points(torch.tensor([0.9, 0.1]), torch.tensor([True, False]))
    (tensor([0., 0., 1.]), tensor([0., 1., 1.]))
    """
    order = scores.argsort(descending=True, stable=True)
    last = torch.cat([scores[order].diff() != 0, torch.ones(1, dtype=torch.bool)])  # the last of equal scores
    hits, misses = positive[order].cumsum(0)[last], (~positive[order]).cumsum(0)[last]
    zero = torch.zeros(1)
    return torch.cat([zero, misses / misses[-1].clamp(min=1)]), torch.cat([zero, hits / hits[-1].clamp(min=1)])


def draw_roc(axes: "Axes", probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> None:
    """Draw the ROC curve of each class against all others.

    Shape: probabilities (N, C), labels (N,).
    """
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for number, name in enumerate(class_names):
        axes.plot(*roc_points(probabilities[:, number], labels == number), label=name)
    axes.set_xlabel("1 - specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(frameon=False)


def draw_reliability(axes: "Axes", bins: Tensor, label: str = "") -> None:
    """Draw accuracy against confidence. Perfect calibration is on the diagonal.

    The area of a point is proportional to the fraction of samples in its bin; empty bins are left out.

    Shape: bins (n, 3): confidence, accuracy, fraction of samples.
    """
    filled = bins[bins[:, 2] > 0]
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    axes.plot(filled[:, 0], filled[:, 1], linewidth=1, label=label)
    axes.scatter(filled[:, 0], filled[:, 1], s=(400 * filled[:, 2]).tolist(), alpha=0.6)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
