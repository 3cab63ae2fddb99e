"""Attention pooling over ragged sets, forward and backward: segments without padding against the padded layout.

    python benchmarks/segment_pooling.py [--threads 1 2] [--rounds 9] [--quick]

The peer, "plain, padded", pads every set to the longest of the batch, then masks, applies softmax and sums, in torch
operators. The others are ``AttentionPooling`` and ``SegmentPooling`` with the additive score (Yang et al. 2016).
Target: at most 0.5 of the padded time; no layout can get far below the share of filled cells.
"""

import argparse
from collections.abc import Callable

import torch
from timing import interleaved, show
from torch import Tensor, nn

from suite.attention import Additive, Attention, AttentionPooling, EdgeAttention, SegmentPooling, Segments

CASES = {  # number of sets, median length, spread of its logarithm, width, heads
    "words of 600 sentences": (600, 16, 0.6, 100, 1),
    "words of 600 sentences, 4 heads": (600, 16, 0.6, 100, 4),
    "sentences of 64 documents": (64, 10, 0.7, 100, 1),
    "frames of 32 videos": (32, 200, 0.4, 256, 1),
}


def lengths_of(count: int, median: int, spread: float) -> Tensor:
    """Lengths of at least 1 with a log-normal distribution, like those of sentences and documents."""
    return (median * (spread * torch.randn(count)).exp()).round().long().clamp(min=1)


class Plain(nn.Module):
    """u = tanh(W x + b); weights = softmax(u . c) without the padding; the weighted mean of x, for every head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.project, self.heads = nn.Linear(width, width), heads
        self.vector = nn.Parameter(torch.randn(heads, width // heads))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        hidden = torch.tanh(self.project(x)).unflatten(-1, (self.heads, -1))  # (B, S, H, D)
        scores = torch.einsum("bshd,hd->bhs", hidden, self.vector).masked_fill(~mask[:, None], -torch.inf)
        return (scores.softmax(-1) @ x).flatten(1)


def candidates(lengths: Tensor, width: int, heads: int) -> dict[str, Callable[[], object]]:
    """The three forms on the same sets."""
    score = Additive(num_heads=heads, head_dim=width // heads)
    pool = AttentionPooling(width, Attention(score), heads)
    over_segments = SegmentPooling(width, EdgeAttention(score), heads)
    plain = Plain(width, heads)
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    padded = torch.randn(*mask.shape, width, requires_grad=True)
    ragged = padded.detach()[mask].requires_grad_()
    segments = Segments.from_lengths(lengths)
    return {
        "plain, padded": lambda: plain(padded, mask).square().mean().backward(),
        "ours, padded": lambda: pool(padded, mask).context.square().mean().backward(),
        "ours, segments": lambda: over_segments(ragged, segments).context.square().mean().backward(),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs")
    options = parser.parse_args(arguments)
    rounds, least = (1, 0.0) if options.quick else (options.rounds, 0.05)
    torch.manual_seed(0)
    for name, (count, median, spread, width, heads) in list(CASES.items())[-2:] if options.quick else CASES.items():
        lengths = lengths_of(count, median, spread)
        filled = float(lengths.sum()) / (count * int(lengths.max()))
        for threads in [1] if options.quick else options.threads:
            torch.set_num_threads(threads)
            samples = interleaved(candidates(lengths, width, heads), rounds, least)
            show(f"{name}, {filled:.0%} of the padded cells filled, {threads} threads", samples)


if __name__ == "__main__":
    main()
