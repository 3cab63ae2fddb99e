"""An utterance as it was read: its spectrogram, and below it where each written unit looked."""

# T frames, F features, U units, S positions

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_alignment(
    features: Tensor, weights: Tensor, units: Sequence[str], seconds: float, title: str = ""
) -> "Figure":
    """A figure with the features over time and, on the same axis of time, the attention of every unit.

    Shape: features (T, F), low frequencies first; weights (U, S), rows in the order of ``units``. Raises ValueError
    where the numbers of units and rows differ.

    >>> import torch
    >>> figure = draw_alignment(torch.rand(9, 4), torch.rand(2, 3), ["a", "b"], seconds=0.09)
    >>> len(figure.axes)
    2
    """
    from matplotlib.figure import Figure

    if len(units) != len(weights):
        raise ValueError(f"every unit needs a row of weights: got {len(units)} units and {len(weights)} rows")
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
    below.set_ylabel("written, downwards")
    return figure
