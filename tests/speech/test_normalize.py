"""Normalized features have mean 0 and variance 1."""

import pytest
import torch

from suite.errors import UserError
from tasks.speech.normalize import GlobalNormalizer, UtteranceNormalizer, learn_normalizer, normalizer_from_facts


def test_utterances_are_normalized_by_their_own_statistics() -> None:
    torch.manual_seed(0)
    features = UtteranceNormalizer()(5 + 3 * torch.randn(9, 4))
    torch.testing.assert_close(features.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.std(0, unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
    assert (UtteranceNormalizer()(torch.full((6, 4), 2.5)) == 0).all()


def test_global_statistics_are_those_of_all_training_utterances() -> None:
    torch.manual_seed(0)
    training = [5 + 3 * torch.randn(length, 4) for length in (9, 30)]
    normalizer = learn_normalizer("global", iter(training))
    assert isinstance(normalizer, GlobalNormalizer)
    together = torch.cat([normalizer(one) for one in training])
    torch.testing.assert_close(together.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.std(0, unbiased=False), torch.ones(4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["utterance", "global"])
def test_normalizers_are_restored_from_facts(kind: str) -> None:
    features = torch.randn(7, 4)
    normalizer = learn_normalizer(kind, [torch.randn(5, 4)])
    torch.testing.assert_close(normalizer_from_facts(normalizer.facts())(features), normalizer(features))


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(UserError, match="Did you mean 'global'"):
        learn_normalizer("globl", [])
