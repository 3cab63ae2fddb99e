"""Greedy decoding against the best path."""

import torch

from tasks.speech.search.greedy import greedy_ctc
from tasks.speech.units import UNKNOWN
from tests.speech.search.paths import collapse


def test_the_text_is_the_best_path_without_repeats_and_blanks() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(4, 12, 6).log_softmax(-1)
    lengths = torch.tensor([12, 5, 1, 9])
    for row, length, found in zip(log_probs, lengths.tolist(), greedy_ctc(log_probs, lengths), strict=True):
        path = tuple(row[:length].argmax(-1).tolist())
        assert found == [unit for unit in collapse(path) if unit > UNKNOWN]
