"""Gated attention over bags, against a slow loop."""

from functools import partial

import torch

from suite.attention.ragged.segments import Segments
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.multiple_instance import MultipleInstance

NAMES = ("a", "b", "c")
SMALL = partial(RegionEncoder, widths=(4, 6, 10), embed_dim=7, head_dim=5, attention={"score": "additive"})


def test_other_bags_of_a_batch_change_nothing() -> None:
    net = MultipleInstance(1, NAMES, encoder=SMALL).eval()
    pixels = torch.rand(5, 1, 24, 40)
    together = net(pixels, Segments.from_lengths(torch.tensor([2, 3]))).logits
    torch.testing.assert_close(together[:1], net(pixels[:2], Segments.from_lengths(torch.tensor([2]))).logits)


def test_gated_attention_over_a_bag_follows_a_slow_loop() -> None:
    net = MultipleInstance(1, NAMES, encoder=SMALL, hidden_dim=4).eval()
    pixels, lengths = torch.rand(6, 1, 24, 40), [1, 3, 2]
    output = net(pixels, Segments.from_lengths(torch.tensor(lengths)))
    h, gated, w = net.encoder(pixels).pooled, net.pooling.key_proj, net.pooling.query[0]
    start = 0
    for bag, length in enumerate(lengths):
        scores = []
        for k in range(start, start + length):
            content, gate = (layer.weight @ h[k] + layer.bias for layer in (gated.content, gated.gate))
            scores.append(w @ (content.tanh() * gate.sigmoid()))
        weights = torch.stack(scores).softmax(0)
        torch.testing.assert_close(output.bag_weights[start : start + length, 0], weights)
        pooled = sum(weight * h[start + k] for k, weight in enumerate(weights))
        torch.testing.assert_close(output.logits[bag], net.output(pooled))
        start += length
