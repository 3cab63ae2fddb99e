"""A self-attention block, forward and backward, against ``nn.MultiheadAttention`` with the same mask.

    python benchmarks/attention_block.py [--threads 1 2] [--rounds 7] [--dtype float32 bfloat16] [--quick]

The block consists of the projections and the attention between them, with a padding mask; both sides train without
returning weights. "compiled" uses the optional C++ kernels. "products" is the time of our projections alone, a lower
bound for any attention. Targets, as shares of the peer's time: 0.50 for lengths up to 64 and 0.70 at 200 to 400 in
float32, 0.60 in bfloat16, 0.45 with dropout on the attention weights at every length.
"""

import argparse
from collections.abc import Callable

import torch
from timing import implementations, interleaved, show
from torch import Tensor, nn

from suite.attention import Attention, Causal, Full, MultiheadAttention

SHAPES = {  # batch, length, width, heads, causal
    "recommender, 50 items": (128, 50, 64, 1, True),
    "recommender, 200 items": (128, 200, 64, 2, True),
    "speech, width 144": (16, 400, 144, 4, False),
    "speech, width 256": (16, 400, 256, 4, False),
    "image, 49 patches": (64, 49, 192, 3, False),
    "image, 196 patches": (64, 196, 192, 3, False),
}


def candidates(
    shape: tuple[int, int, int, int, bool], dropout: float, dtype: torch.dtype
) -> dict[str, Callable[[], None]]:
    """Forward and backward of each block on one batch."""
    batch, length, width, heads, causal = shape
    torch.manual_seed(0)
    x = torch.randn(batch, length, width, dtype=dtype, requires_grad=True)
    keep = torch.arange(length) < torch.randint(length // 2, length + 1, (batch, 1))
    peer = nn.MultiheadAttention(width, heads, dropout, batch_first=True, dtype=dtype)
    ahead = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None

    blocks: dict[str, MultiheadAttention] = {}
    for name in implementations():
        attention = Attention(pattern=Causal() if causal else Full(), dropout=dropout, implementation=name)
        blocks[f"ours, {name}"] = MultiheadAttention(width, heads, attention).to(dtype)
    block = blocks["ours, auto"]

    def backward(out: Tensor) -> None:
        x.grad = None
        out.sum().backward()

    return {
        "nn.MultiheadAttention": lambda: backward(
            peer(x, x, x, key_padding_mask=~keep, attn_mask=ahead, need_weights=False)[0]
        ),
        **{
            name: lambda block=block: backward(block(x, mask=keep[:, None, None]).context)
            for name, block in blocks.items()
        },
        "products": lambda: backward(
            block.output_proj(block.query_proj(x)) + block.key_proj(x) + block.value_proj(x),
        ),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[torch.get_num_threads()])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16"])
    parser.add_argument("--quick", action="store_true", help="the smallest shape, two rounds")
    arguments = parser.parse_args()
    shapes = dict(list(SHAPES.items())[:1]) if arguments.quick else SHAPES
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for dtype in arguments.dtype:
            for name, shape in shapes.items():
                for dropout in (0.0, 0.1):
                    calls = candidates(shape, dropout, getattr(torch, dtype))
                    samples = interleaved(calls, 2 if arguments.quick else arguments.rounds, least=0.02)
                    show(f"{name}, dropout {dropout}, {dtype}, {threads} threads", samples)


if __name__ == "__main__":
    main()
