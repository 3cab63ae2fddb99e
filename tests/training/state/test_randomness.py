"""States of the random number generators."""

import random

import numpy as np
import pytest
import torch

from suite.training.state import randomness
from suite.training.state.randomness import Stream


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_key_gives_a_stream_and_another_key_another() -> None:
    streams = []
    for key in ((1, 0), (1, 1), (2, 0), (1, 0)):
        randomness.seed(*key)
        streams.append(draw())
    assert streams[0] == streams[3]
    assert len({values for stream in streams[:3] for values in stream}) == 9


def test_a_captured_state_is_restored() -> None:
    randomness.seed(5)
    draw()
    state = randomness.capture()
    expected = draw()
    draw()
    randomness.restore(state)
    assert draw() == expected


@pytest.mark.parametrize("key", [(1, 0), (7, 3)])
def test_a_stream_neither_sees_nor_changes_the_numbers_outside(key: tuple[int, int]) -> None:
    randomness.seed(0)
    outside = [draw() for _ in range(4)]
    randomness.seed(*key)
    inside = [draw() for _ in range(4)]
    randomness.seed(0)
    stream = Stream(*key)
    mixed_outside, mixed_inside = [], []
    for _ in range(4):
        mixed_outside.append(draw())
        with stream:
            mixed_inside.append(draw())
    assert mixed_outside == outside
    assert mixed_inside == inside
