"""A spectrogram and, below it, the attention of each unit of the transcript."""

# T frames, F features, U units, S positions of the encoder

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_alignment"]


def draw_alignment(
    features: Tensor, weights: Tensor, units: Sequence[str], seconds: float, title: str = ""
) -> "Figure":
    """Return a figure of features over time and, on the same time axis, the attention weights of each unit.

    Args:
        units: text of each unit, in the order in which the decoder wrote them.
        seconds: length of the utterance.
        title: usually the transcript.

    Shape: features (T, F), low frequencies first; weights (U, S).

    Raises:
        ValueError: if the number of units is not U.

    >>> import torch
    >>> figure = draw_alignment(torch.rand(9, 4), torch.rand(2, 3), ["a", "b"], seconds=0.09)
    >>> len(figure.axes)
    2
    """
    from matplotlib.figure import Figure

    if len(units) != len(weights):
        raise ValueError(f"weights must have one row for each unit, got {len(weights)} rows for {len(units)} units")
    figure = Figure(figsize=(7.0, 2.2 + 0.16 * len(units)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.0, 1.0 + 0.2 * len(units)])
    extent = (0.0, seconds, 0.0, float(features.shape[1]))
    above.imshow(features.T.numpy(), origin="lower", aspect="auto", extent=extent, interpolation="nearest")
    above.set_ylabel("feature")
    above.set_title(title, fontsize=9)
    below.imshow(
        weights.numpy(), aspect="auto", extent=(0.0, seconds, len(units) - 0.5, -0.5), cmap="Greys",
        interpolation="nearest",
    )  # fmt: skip
    below.set_yticks(range(len(units)), ["␣" if unit == " " else unit for unit in units], fontsize=7)
    below.set_xlabel("seconds")
    below.set_ylabel("unit")
    below.set_title("attention weights", fontsize=8)
    return figure
