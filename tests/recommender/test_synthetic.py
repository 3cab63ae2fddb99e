"""Generated histories."""

import numpy as np

from tests.presets import build_preset


def test_the_same_seed_gives_the_same_histories_and_steps_are_short() -> None:
    made = [build_preset("recommender/synthetic", seed=seed).histories for seed in (0, 0, 1)]
    assert made[0].content_hash() == made[1].content_hash() != made[2].content_hash()
    steps = np.diff(made[0].items.astype(int)) % 37
    inside = np.diff(made[0].users) == 0
    assert 0.8 < np.isin(steps[inside], [1, 2, 3]).mean() < 0.97
    assert (np.diff(made[0].offsets) == 1).any()
