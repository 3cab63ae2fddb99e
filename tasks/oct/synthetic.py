"""Generated B-scans, for tests and for machines without data."""

from typing import Any, ClassVar

import numpy as np

from suite.data.readers import GeneratedReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.oct.scans import Scans
from tasks.oct.simulation import CLASSES, simulate
from tasks.oct.view import View

CHUNK = 64  # scans that are simulated together, to bound the memory


class Phantom(GeneratedReader):
    """Simulated B-scans with exact outlines of their lesions, two of each patient; classes alternate.

    Args:
        num_scans: number of scans, at least 16.
        seed_of_scans: of the simulation; the same seed and view give the same scans.
    """

    name: ClassVar[str] = "phantom"

    def __init__(self, num_scans: int, seed_of_scans: int) -> None:
        if num_scans < 16:
            raise UserError(f"data.num_scans must be at least 16 for four classes and three splits, got {num_scans}")
        self.num_scans, self.seed = num_scans, seed_of_scans

    def options(self) -> dict[str, Any]:
        return {"num_scans": self.num_scans, "seed_of_scans": self.seed}

    def read(self, files: Resolved, view: View) -> Scans:
        """Simulate all scans in the size of the view."""
        patients = np.arange(self.num_scans) // 2
        labels = patients % len(CLASSES)
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
        chunks = [
            simulate(labels[start : start + CHUNK], view.height, view.width, random)
            for start in range(0, self.num_scans, CHUNK)
        ]
        names = np.array([f"phantom {number}" for number in range(self.num_scans)])
        return Scans(
            np.concatenate([pixels for pixels, _ in chunks])[:, None],
            labels.astype(np.int64),
            np.array([f"P{number:05d}" for number in patients]),
            np.full(self.num_scans, "", dtype="<U5"),
            names,
            np.concatenate([masks for _, masks in chunks]),
            CLASSES,
        )
