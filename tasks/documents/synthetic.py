"""Generated reviews in which one word determines the class, for tests and for machines without data."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from suite.data.readers import GeneratedReader
from suite.data.source import Resolved
from tasks.documents.labelled_text import LabelledText

CLASS_WORDS = ("awful", "decent", "superb", "odd", "calm")  # one word for each class
COMMON_WORDS = ("the", "film", "was", "its", "plot", "and", "cast", "music", "a", "of")


class SyntheticReviews(GeneratedReader):
    """Documents of one to five sentences, one of which contains the word of the class. The last document is empty.

    Args:
        num_documents: number of reviews.
        num_classes: number of classes, at most five.
        seed: of the reviews.
    """

    name: ClassVar[str] = "synthetic"

    def __init__(self, num_documents: int, num_classes: int, seed: int) -> None:
        self.num_documents = num_documents
        self.num_classes = min(num_classes, len(CLASS_WORDS))
        self.seed = seed

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the reviews; the same arguments give the same reviews on every machine."""
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
        for number in range(self.num_documents):
            label = number % self.num_classes
            sentences = [list(random.choice(COMMON_WORDS, random.randint(2, 9))) for _ in range(random.randint(1, 6))]
            sentences[random.randint(len(sentences))].insert(1, CLASS_WORDS[label])
            text = " ".join(" ".join(words).capitalize() + "." for words in sentences)
            last = number == self.num_documents - 1
            yield LabelledText("" if last else text, f"class {label}", f"review {number}")

    def options(self) -> dict[str, Any]:
        return {"seed": self.seed, "num_documents_made": self.num_documents}
