"""Time and memory as the length grows: windows and blocks against full attention.

    python benchmarks/attention_length.py [--lengths 1024 2048 4096 8192 16384] [--quick]

Forward and backward of one sample with 2 heads of 32: microseconds per position, which are constant where the cost is
linear, and the growth of the peak resident memory, each measured in its own process. Full attention ends at 8192.
"""

import argparse
import resource
import time
from collections.abc import Callable
from multiprocessing import get_context

import torch

from suite.attention import (
    Additive,
    Attention,
    AxialColumns,
    BlockSparse,
    Causal,
    Full,
    GlobalLocal,
    Pattern,
    ScaledDot,
    Window,
)

HEADS, WIDTH, BLOCK = 2, 32, 128


def two_blocks(length: int) -> Pattern:
    """Every block attends to itself and to the block before it."""
    eye = torch.eye(length // BLOCK, dtype=torch.bool)
    return BlockSparse(eye | eye.roll(1, 0), BLOCK)


CANDIDATES: dict[str, tuple[Callable[[int], Pattern], str]] = {
    "full": (lambda length: Full(), "scaled_dot"),
    "window 64": (lambda length: Window(64, 64), "scaled_dot"),
    "causal window 128": (lambda length: Causal() & Window(128, 0), "scaled_dot"),
    "global 4, window 64": (lambda length: GlobalLocal(4, 64), "scaled_dot"),
    "blocks of 128, 2 each": (two_blocks, "scaled_dot"),
    "axial columns of 128": (lambda length: AxialColumns(128, length // 128), "scaled_dot"),
    "window 64, additive": (lambda length: Window(64, 64), "additive"),
}


def cost(name: str, length: int) -> tuple[float, float]:
    """Seconds of one forward and backward pass, the best of three, and the growth of the peak in MiB."""
    torch.set_num_threads(1)  # the subject is growth, not speed
    pattern, score = CANDIDATES[name]
    attention = Attention(ScaledDot() if score == "scaled_dot" else Additive(HEADS, WIDTH), pattern=pattern(length))
    x = torch.randn(1, HEADS, length, WIDTH, requires_grad=True)
    before, times = _peak(), []
    for _ in range(3):
        started = time.perf_counter()
        attention(x, x, x).context.sum().backward()
        times.append(time.perf_counter() - started)
    return min(times), _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16384])
    parser.add_argument("--quick", action="store_true", help="1024 and 2048 positions, the first two patterns")
    arguments = parser.parse_args()
    lengths = [1024, 2048] if arguments.quick else arguments.lengths
    print("microseconds a position (MiB), forward and backward")
    print(f"{'':24}" + "".join(f"{length:>18}" for length in lengths))
    for name in list(CANDIDATES)[:2] if arguments.quick else CANDIDATES:
        row = f"{name:24}"
        for length in lengths:
            if name == "full" and length > 8192:
                row += f"{'-':>18}"
                continue
            with get_context("spawn").Pool(1) as pool:
                seconds, memory = pool.apply(cost, (name, length))
            row += f"{f'{seconds / length * 1e6:.1f} ({memory:.0f})':>18}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
