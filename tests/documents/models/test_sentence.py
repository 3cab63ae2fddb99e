"""The network for short texts."""

import torch

from tasks.documents.batch import DocumentBatch
from tests.documents.models.test_hierarchical import network


def test_weights_sum_to_one_over_the_whole_text() -> None:
    batch = DocumentBatch.of([[[1, 2, 3], [4]], [[5, 1]]])
    output = network("lstm_attention")(batch.words, batch.sentences, batch.documents)
    assert output.sentence_weights is None
    sums = torch.stack([weights.sum() for weights in output.word_weights.split([4, 2])])
    torch.testing.assert_close(sums, torch.ones(2))


def test_the_last_state_has_all_the_weight() -> None:
    batch = DocumentBatch.of([[[1, 2, 3], [4]], [[5, 1]]])
    output = network("lstm")(batch.words, batch.sentences, batch.documents)
    assert output.word_weights.flatten().tolist() == [0, 0, 0, 1, 0, 1]
