"""Transformer blocks against torch's, and step-by-step decoding."""

import torch
from torch import nn

from suite.attention.attention import Attention
from suite.attention.choices.patterns import Causal
from suite.attention.layers.blocks import DecoderBlock, EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from tests.attention.conftest import B, H, L, S
from tests.attention.layers.test_multihead import E, torch_twin


def test_encoder_block_equals_torch_with_the_norm_first():
    ours = EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 17)).double()
    theirs = nn.TransformerEncoderLayer(E, H, 17, 0.0, "gelu", batch_first=True, norm_first=True).double()
    theirs.self_attn = torch_twin(ours.attention, E)
    for mine, twin in ((ours.feed_forward.up, theirs.linear1), (ours.feed_forward.down, theirs.linear2)):
        twin.load_state_dict(mine.state_dict())
    x = torch.randn(B, L, E).double()
    torch.testing.assert_close(ours(x), theirs.train()(x))


def test_decoder_block_step_by_step_equals_one_pass():
    encoder = EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 17)).double()
    own = MultiheadAttention(E, H, Attention(pattern=Causal()))
    decoder = DecoderBlock(own, MultiheadAttention(E, H), FeedForward(E, 17)).double()
    memory = decoder.remember(encoder(torch.randn(B, S, E).double()))
    x = torch.randn(B, L, E).double()
    expected = decoder(x, memory)
    cache, steps = None, []
    for t in range(L):
        cache = decoder.extend(x[:, t : t + 1], cache)
        steps.append(decoder(x[:, t : t + 1], memory, cache=cache))
    torch.testing.assert_close(torch.cat(steps, dim=1), expected)
