"""Attention weights together with what each of their axes belongs to."""

from dataclasses import dataclass

import numpy as np

__all__ = ["AttentionWeights", "Axis"]


@dataclass(frozen=True, eq=False)
class Axis:
    """What the positions along one axis of attention weights are.

    Args:
        kind: plural noun for the positions: ``"heads"``, ``"tokens"``, ``"sentences"``, ``"items"``, ``"frames"``,
            ``"units"``, ``"nodes"``, ``"edges"`` or ``"patches"``.
        labels: text for each position, for example the word or the title; empty where positions have no names.
        coordinates: one row for each position: (sender, receiver) of an edge, (start, end) of a frame in seconds.
        grid: (rows, columns) of patches that cover an image; position ``row * columns + column`` is that patch.
        segments: lengths of consecutive groups of positions where the weights sum to 1 in each group, for example the
            numbers of words in the sentences of a document; empty where all positions form one group.

    >>> Axis("patches", grid=(2, 3)).grid
    (2, 3)
    """

    kind: str
    labels: tuple[str, ...] = ()
    coordinates: np.ndarray | None = None
    grid: tuple[int, int] | None = None
    segments: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class AttentionWeights:
    """The attention weights of one layer for one record.

    Args:
        layer: name of the attention layer, for example ``"blocks.1.attention"``.
        weights: array with one dimension for each axis.
        axes: what each dimension belongs to, in order; queries come before keys.

    Raises:
        ValueError: if the axes do not fit the shape of the weights.

    >>> words = Axis("tokens", labels=("superb", "!"))
    >>> AttentionWeights("words", np.array([0.9, 0.1]), (words,)).top(1)
    [('superb', 0.9)]
    """

    layer: str
    weights: np.ndarray
    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        if self.weights.ndim != len(self.axes):
            raise ValueError(
                f"{self.layer}: weights of shape {self.weights.shape} need {self.weights.ndim} axes, "
                f"got {[axis.kind for axis in self.axes]}"
            )
        for size, axis in zip(self.weights.shape, self.axes, strict=True):
            sizes = {
                "labels": len(axis.labels) or size,
                "coordinates": size if axis.coordinates is None else len(axis.coordinates),
                "grid": size if axis.grid is None else axis.grid[0] * axis.grid[1],
                "segments": sum(axis.segments) if axis.segments else size,
            }
            wrong = [f"{count} from {name}" for name, count in sizes.items() if count != size]
            if wrong:
                raise ValueError(f"{self.layer}: the axis {axis.kind} has {size} positions, but {', '.join(wrong)}")

    def top(self, number: int = 5) -> list[tuple[str, float]]:
        """The labels of the ``number`` largest weights with the weights, largest first.

        The mean over all axes but the last is used, so the positions are the keys. Positions without labels are named
        by their index.
        """
        keys = self.weights.reshape(-1, self.weights.shape[-1]).mean(axis=0)
        labels = self.axes[-1].labels or tuple(str(position) for position in range(len(keys)))
        order = np.argsort(-keys, kind="stable")[:number]
        return [(labels[position], float(keys[position])) for position in order]
