"""Batches are bounded, contain every utterance once, and follow the seed."""

import numpy as np
import torch

from tasks.speech.batch import SpeechBatch, SpeechBatches


class NumberedFrames:
    """Utterances of given lengths whose frames hold their number."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def batch(self, selected: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        return SpeechBatch.of(
            [torch.full((int(self.lengths[n]), 1), float(n)) for n in selected], [[3]] * len(selected)
        )


def test_batches_are_bounded_contain_every_utterance_once_and_follow_the_seed() -> None:
    lengths = np.random.RandomState(0).randint(1, 90, size=203)
    selected = np.arange(3, 200)
    for training in (False, True):
        batches = SpeechBatches(NumberedFrames(lengths), selected, 300, training)
        torch.manual_seed(1)
        first = list(batches)
        assert len(first) == len(batches)
        assert sorted(int(row[0, 0]) for batch in first for row in batch.features) == selected.tolist()
        assert max(batch.features.shape[0] * batch.features.shape[1] for batch in first) <= 300 * (
            1.25 if training else 1
        )
        torch.manual_seed(1)
        assert [one.lengths.tolist() for one in batches] == [one.lengths.tolist() for one in first]
        torch.manual_seed(2)
        assert ([one.lengths.tolist() for one in batches] == [one.lengths.tolist() for one in first]) is not training


def test_a_batch_is_padded_with_0() -> None:
    batch = SpeechBatch.of([torch.ones(2, 3), torch.ones(1, 3)], [[4], [5, 6]], ["a", "b c"])
    assert batch.features[:, :, 0].tolist() == [[1, 1], [1, 0]]
    assert batch.targets.tolist() == [[4, 0], [5, 6]]
    assert (batch.lengths.tolist(), batch.target_lengths.tolist(), len(batch)) == ([2, 1], [1, 2], 2)
    assert batch.to("cpu") is batch
