"""Curves of a classifier: how well it ranks, and how far its confidence can be taken at its word."""

# N samples, C classes

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc_points(scores: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rate at every threshold, from (0, 0) to (1, 1); (n,) each.

    >>> roc_points(torch.tensor([0.9, 0.1]), torch.tensor([True, False]))
    (tensor([0., 0., 1.]), tensor([0., 1., 1.]))
    """
    order = scores.argsort(descending=True, stable=True)
    last = torch.cat([scores[order].diff() != 0, torch.ones(1, dtype=torch.bool)])  # ties share one point
    hits, misses = positive[order].cumsum(0)[last], (~positive[order]).cumsum(0)[last]
    zero = torch.zeros(1)
    return torch.cat([zero, misses / misses[-1].clamp(min=1)]), torch.cat([zero, hits / hits[-1].clamp(min=1)])


def draw_roc(axes: "Axes", probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> None:
    """One curve for every class against the rest. Shape: probabilities (N, C), labels (N,)."""
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for number, name in enumerate(class_names):
        axes.plot(*roc_points(probabilities[:, number], labels == number), label=name)
    axes.set_xlabel("1 - specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(frameon=False)


def draw_reliability(axes: "Axes", bins: Tensor, label: str = "") -> None:
    """Accuracy over confidence; points as large as their share of samples, perfect calibration on the diagonal.

    Shape: bins (n, 3): confidence, accuracy, share of samples.
    """
    filled = bins[bins[:, 2] > 0]
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    axes.plot(filled[:, 0], filled[:, 1], linewidth=1, label=label)
    axes.scatter(filled[:, 0], filled[:, 1], s=(400 * filled[:, 2]).tolist(), alpha=0.6)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
