"""The Transformer encoder is subsampling, the blocks of the core, and a final norm."""

import torch

from tasks.speech.models.transformer_encoder import TransformerEncoder


def test_it_is_its_layers_in_sequence() -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(5, 12, 2, 2, 20).eval()
    features, lengths = torch.randn(1, 21, 5), torch.tensor([21])
    x, lengths_of_x = encoder.subsampling(features, lengths)
    for block in encoder.blocks:
        x = block(x)
    encoded = encoder(features, lengths)
    torch.testing.assert_close(encoded.memory, encoder.norm(x))
    assert encoded.lengths.tolist() == lengths_of_x.tolist() == [6]
