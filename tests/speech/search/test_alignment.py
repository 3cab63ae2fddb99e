"""CTC alignment against the best of all paths."""

import itertools

import numpy as np
import torch

from tasks.speech.search.alignment import align, num_positions_needed
from tasks.speech.units import BLANK


def test_the_path_is_the_best_of_all_paths() -> None:
    torch.manual_seed(0)
    for units in ([3], [3, 3], [2, 4, 2], []):
        log_probs = torch.randn(6, 5).log_softmax(-1)
        best, path_of_best = -np.inf, None
        for path in itertools.product(range(5), repeat=6):
            if [unit for unit, _ in itertools.groupby(path) if unit != BLANK] == units:
                score = float(sum(log_probs[t, unit] for t, unit in enumerate(path)))
                if score > best:
                    best, path_of_best = score, path
        assert path_of_best is not None
        runs = [
            [place for place, _ in group]
            for unit, group in itertools.groupby(enumerate(path_of_best), key=lambda pair: pair[1])
            if unit != BLANK
        ]
        assert [(run[0], run[-1] + 1) for run in runs] == [(span.start, span.end) for span in align(log_probs, units)]
    assert align(torch.randn(2, 5), [3, 3]) == []


def test_equal_neighbors_need_a_blank_between() -> None:
    assert [num_positions_needed(units) for units in ([], [3], [3, 3], [3, 4, 4, 4])] == [0, 1, 3, 6]
