"""Made-up reviews whose words tell their class, for tests and machines without data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.source import Resolved
from tasks.documents.record import Record

TELLING = ("awful", "decent", "superb", "odd", "calm")  # one word a class
COMMON = ("the", "film", "was", "its", "plot", "and", "cast", "music", "a", "of")


class SyntheticReviews:
    """Documents of one to five sentences; one sentence in each holds the word of the class. The last one is empty."""

    name = "synthetic"

    def __init__(self, num_documents: int = 83, num_classes: int = 3, seed: int = 0) -> None:
        self.num_documents = num_documents
        self.num_classes = min(num_classes, len(TELLING))
        self.seed = seed

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Nothing to find."""
        return Resolved("generated", Path(data_dir), Path(data_dir), "generated", licence="none needed")

    def read(self, files: Resolved) -> Iterator[Record]:
        """The same arguments give the same reviews everywhere."""
        random = np.random.RandomState(self.seed)  # NumPy promises never to change its stream
        for number in range(self.num_documents):
            label = number % self.num_classes
            sentences = [list(random.choice(COMMON, random.randint(2, 9))) for _ in range(random.randint(1, 6))]
            sentences[random.randint(len(sentences))].insert(1, TELLING[label])
            text = " ".join(" ".join(words).capitalize() + "." for words in sentences)
            yield Record("" if number == self.num_documents - 1 else text, f"class {label}", f"review {number}")

    def options(self) -> dict[str, Any]:
        """What the reviews depend on."""
        return {"seed": self.seed, "num_documents_made": self.num_documents}
