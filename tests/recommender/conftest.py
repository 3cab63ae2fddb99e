"""Small histories whose every number is chosen by hand."""

import numpy as np
import pytest

from tasks.recommender.histories import Histories


@pytest.fixture
def histories() -> Histories:
    """Five users with 7, 1, 4, 2 and 31 events on 11 items; the third has the same item twice."""
    random = np.random.default_rng(0)
    lengths = [7, 1, 4, 2, 31]
    users = np.repeat([f"u{n}" for n in range(5)], lengths)
    items = np.concatenate([[str(i) for i in random.integers(1, 12, length)] for length in lengths])
    items[8:12] = ["3", "9", "3", "10"]
    ratings = random.integers(1, 6, len(users)).astype(np.float32)
    return Histories.from_events(users, items, np.arange(len(users)) * 2.0, ratings)
