"""The check that the tests of both decoders share."""

import torch

from tasks.speech.models.recognizer import Recognizer
from tasks.speech.units import EOS


def check_decoder(net: Recognizer) -> None:
    """Steps give the scores of the whole text, padding changes nothing, and weights are 0 beyond the utterance."""
    torch.manual_seed(1)
    features, lengths = torch.randn(3, 29, 5), torch.tensor([29, 8, 18])
    units = torch.randint(3, 7, (3, 6))
    units[:, 0] = EOS
    decoder = net.decoder
    encoded = net.encode(features, lengths)
    memory = decoder.project_memory(encoded)
    whole = decoder(units, memory)
    state = decoder.start(memory)
    for place in range(6):
        logits, state = decoder.step(units[:, place], memory, state)
        torch.testing.assert_close(logits, whole[:, place], atol=1e-4, rtol=1e-4)
    for b, length in enumerate(encoded.lengths.tolist()):
        one = type(encoded)(encoded.memory[b : b + 1, :length], encoded.lengths[b : b + 1])
        alone = decoder(units[b : b + 1], decoder.project_memory(one))
        torch.testing.assert_close(alone[0], whole[b], atol=1e-4, rtol=1e-4)
    weights = decoder.attention_weights(units, memory)
    assert weights.shape == (3, 6, encoded.memory.shape[1])
    assert (weights.masked_select(~encoded.mask[:, None].expand_as(weights)) == 0).all()
    assert isinstance(net.get_submodule(f"decoder.{decoder.attention_layer}"), torch.nn.Module)
