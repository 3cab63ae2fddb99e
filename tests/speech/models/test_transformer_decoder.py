"""The Transformer decoder: steps equal the whole text; an attention that needs the previous step is rejected."""

import pytest

from suite.errors import UserError
from tests.speech.conftest import network
from tests.speech.models.decoders import check_decoder


@pytest.mark.parametrize("attention", ["scaled_dot", "additive", "general", "cosine", "sparsemax", "local_predictive"])
def test_steps_equal_the_whole_text_and_padding_changes_nothing(attention: str) -> None:
    check_decoder(network(f"attention={attention}"))


@pytest.mark.parametrize("attention", ["location_sensitive", "monotonic", "local_monotonic"])
def test_an_attention_that_depends_on_the_previous_step_is_rejected(attention: str) -> None:
    with pytest.raises(UserError, match="speech/las"):
        network(f"attention={attention}")


def test_an_attention_that_balances_queries_and_keys_is_rejected() -> None:
    with pytest.raises(UserError, match="Sinkhorn balances as many queries as keys"):
        network("attention=sinkhorn")
