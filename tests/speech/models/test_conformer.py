"""The Conformer depends on the order of the frames."""

import pytest
import torch

from tasks.speech.models.conformer import Conformer, ConvolutionModule


def test_the_order_of_frames_changes_the_output() -> None:
    torch.manual_seed(0)
    encoder = Conformer(5, 12, 2, 2, 20, 5).eval()
    features, length = torch.randn(1, 32, 5), torch.tensor([32])
    forward, backward = encoder(features, length).memory, encoder(features.flip(1), length).memory.flip(1)
    assert (forward - backward).abs().max() > 1e-2


def test_an_even_kernel_is_rejected() -> None:
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        ConvolutionModule(8, kernel_size=4)
