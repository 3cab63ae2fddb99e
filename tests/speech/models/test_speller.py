"""The speller decodes step by step with every attention."""

from typing import Any

import pytest
import torch

from tasks.speech.models.encoder import EncodedSpeech
from tasks.speech.models.speller import Speller
from tests.speech.conftest import network
from tests.speech.models.decoders import check_decoder

ATTENTIONS = [
    "additive",
    "dot",
    "general",
    "local_monotonic",
    "local_predictive",
    "location_sensitive",
    "monotonic",
    "cosine",
    "window",
    "global_local",
    "sparsemax",
]


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_steps_equal_the_whole_text_and_padding_changes_nothing(attention: str) -> None:
    check_decoder(network(f"attention={attention}", model="speech/las"))


def attended(pattern: dict[str, Any] | str, lengths: list[int]) -> list[list[list[int]]]:
    """The positions with a weight, for every utterance and each of 4 steps of 2 positions a unit."""
    torch.manual_seed(0)
    speller = Speller(9, 16, {"score": "scaled_dot", "pattern": pattern}, 2.0, 16, 1, 0.0).eval()
    memory = speller.project_memory(EncodedSpeech(torch.randn(len(lengths), max(lengths), 16), torch.tensor(lengths)))
    weights = speller.attention_weights(torch.full((len(lengths), 4), 4), memory)
    return [[step.nonzero()[:, 0].tolist() for step in one] for one in weights]


@pytest.mark.parametrize(
    ("pattern", "positions"),
    [
        ({"name": "local_monotonic", "width": 1}, [[0, 1], [1, 2, 3], [3, 4, 5], [5, 6, 7]]),
        ({"name": "window", "left": 1, "right": 0}, [[0], [1, 2], [3, 4], [5, 6]]),
        ("causal", [[0], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]]),
        (
            {"name": "global_local", "num_global": 1, "width": 1},
            [[*range(20)], [0, 1, 2, 3], [0, 3, 4, 5], [0, 5, 6, 7]],
        ),
    ],
    ids=str,
)
def test_a_pattern_is_placed_at_the_position_of_the_step(pattern: Any, positions: list[list[int]]) -> None:
    assert attended(pattern, [20])[0] == positions
    assert attended(pattern, [20, 3])[0] == positions


def test_steps_beyond_an_utterance_are_at_its_last_position_in_every_batch() -> None:
    pattern = {"name": "window", "left": 1, "right": 1}
    expected = [[0, 1], [1, 2, 3], [2, 3], [2, 3]]
    assert attended(pattern, [4])[0] == expected
    assert attended(pattern, [20, 4])[1] == expected


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (
            {"alignment": "sinkhorn"},
            "Sinkhorn balances as many queries as keys",
        ),
        (
            {"pattern": {"name": "axial_rows", "height": 2, "width": 3}},
            "AxialRows is built for one number of positions, and utterances have any",
        ),
    ],
)
def test_attention_without_a_meaning_is_rejected_when_the_decoder_is_built(attention: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Speller(9, 16, attention)
