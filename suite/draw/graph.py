"""A graph with edges whose width is their attention weight."""

# N nodes, M edges

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_attention"]


def draw_attention(
    axes: "Axes",
    positions: Tensor,
    edge_index: Tensor,
    weights: Tensor,
    labels: Tensor,
    class_names: Sequence[str] | None = None,
    width: float = 2.0,
) -> None:
    """Draw nodes, coloured by class, and edges with a line width of ``width`` points times their weight.

    Self-loops have no length and are not drawn. Nodes and edges are rasterized, which keeps vector files small.

    Args:
        class_names: for the legend; ``class 0`` and so on if not given.

    Shape: positions (N, 2), edge_index (2, M), weights (M,), labels (N,); label -1 is unlabelled and drawn in grey.
    """
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    between = edge_index[0] != edge_index[1]
    ends = positions[edge_index[:, between]].transpose(0, 1)  # (M, 2 ends, 2 coordinates)
    thickness = width * weights[between]
    lines = LineCollection(ends.tolist(), linewidths=thickness.tolist(), colors="0.35", alpha=0.5, rasterized=True)
    axes.add_collection(lines)
    colours = colormaps["tab10"]
    for label in labels.unique().tolist():
        own = positions[labels == label]
        name = "unlabelled" if label < 0 else class_names[label] if class_names else f"class {label}"
        colour = "0.8" if label < 0 else colours(label % colours.N)
        axes.scatter(own[:, 0], own[:, 1], s=6, color=colour, label=name, linewidths=0, zorder=2, rasterized=True)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, markerscale=3)
    axes.set_axis_off()
