"""Training, validation and test utterances: as the corpus states them, else drawn by speaker."""

from collections.abc import Sequence

import numpy as np

from suite.data.splits import SPLITS, RandomGroupSplit
from tasks.speech.utterances import Utterance

MIN_SPEAKERS = 3  # with fewer known speakers, utterances are drawn one by one


class SpeakerSplit(RandomGroupSplit):
    """Keeps the splits that the corpus states, and draws whole speakers for a split that it does not state.

    Where the training utterances have fewer than three speakers, or the speakers are unknown, single utterances are
    drawn. ``test_fraction`` of the training utterances are moved to the test split, then ``val_fraction`` of those that
    remain to the validation split.
    """

    noun = "speaker"

    def assign(self, utterances: Sequence[Utterance]) -> list[Utterance]:
        """Return the utterances with their split. Raises UserError if a split has no utterance."""
        stated, names, speakers = (
            np.array([getattr(one, field) for one in utterances], dtype=str) for field in ("split", "name", "speaker")
        )
        split = np.full(len(utterances), "train", dtype="<U5")
        for name, indices in zip(SPLITS, self(names, stated, speakers), strict=True):
            split[indices] = name
        return [one._replace(split=str(name)) for one, name in zip(utterances, split, strict=True)]

    def _draw(
        self, name: str, fraction: float, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> np.ndarray:
        by_speaker = len(np.unique(groups)) >= MIN_SPEAKERS
        return super()._draw(name, fraction, labels, groups if by_speaker else labels, random)
