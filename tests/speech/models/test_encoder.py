"""All encoders: padding and the other utterances of a batch change neither outputs nor gradients."""

import pytest
import torch
from torch import nn

from tasks.speech.models.conformer import Conformer
from tasks.speech.models.encoder import EncodedSpeech, Subsampling
from tasks.speech.models.listener import Listener
from tasks.speech.models.transformer_encoder import TransformerEncoder

ENCODERS = {
    "conformer": lambda: Conformer(5, 12, 2, 2, 20, 5),
    "transformer": lambda: TransformerEncoder(5, 12, 2, 2, 20),
    "listener": lambda: Listener(5, 7, 2),
    "factor 8": lambda: Conformer(5, 12, 1, 2, 20, 5, factor=8),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_and_other_utterances_change_no_output(name: str) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name]().eval()
    lengths = [1, 2, 3, 4, 5, 9, 16, 23]
    features = [torch.randn(length, 5) for length in lengths]
    padded = torch.full((len(lengths), 37, 5), 1e3)  # the value of the padding is arbitrary
    for row, one in zip(padded, features, strict=True):
        row[: len(one)] = one
    together = encoder(padded, torch.tensor(lengths))
    assert together.lengths.tolist() == [-(-length // encoder.factor) for length in lengths]
    for b, one in enumerate(features):
        alone = encoder(one[None], torch.tensor([len(one)]))
        size = int(alone.lengths)
        torch.testing.assert_close(together.memory[b, :size], alone.memory[0], atol=1e-5, rtol=1e-4)
        assert (together.memory[b, size:] == 0).all()


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_changes_no_gradient(name: str) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name]().eval()
    features = torch.randn(2, 13, 5)
    grads = []
    for extra in (0, 8):
        encoder.zero_grad()
        padded = nn.functional.pad(features, (0, 0, 0, extra), value=7.0)
        encoder(padded, torch.tensor([13, 6])).memory.square().sum().backward()
        grads.append([parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None])
    for first, second in zip(*grads, strict=True):
        torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("factor", [0, 1, 3, 6])
def test_a_factor_that_is_not_a_power_of_2_is_rejected(factor: int) -> None:
    with pytest.raises(ValueError, match=f"factor must be a power of 2, at least 2, got {factor}"):
        Subsampling(5, 8, factor)


def test_the_mask_is_true_inside_the_utterance() -> None:
    assert EncodedSpeech(torch.zeros(2, 3, 1), torch.tensor([3, 1])).mask.tolist() == [[True] * 3, [True, False, False]]
