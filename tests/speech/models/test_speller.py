"""The speller decodes step by step with every attention."""

import pytest

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
]


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_steps_equal_the_whole_text_and_padding_changes_nothing(attention: str) -> None:
    check_decoder(network(f"attention={attention}", model="speech/las"))
