"""Peak memory of additive attention, forward and backward: chunks of queries against the plain equation.

    python benchmarks/attention_memory.py [--length 512] [--quick]

Each candidate runs in its own process, which reports the growth of its peak resident memory and the time of one call.
Target: at most a quarter of the memory of the plain equation at 512 queries and keys.
"""

import argparse
import resource
import time
from collections.abc import Callable
from multiprocessing import get_context

import torch

from suite.attention import Additive, Attention, Concat, GATv2Score, LocationBased, Score

BATCH, HEADS, WIDTH = 2, 4, 32
SCORES: dict[str, Callable[[int], Score]] = {
    "additive": lambda length: Additive(HEADS, WIDTH),
    "concat": lambda length: Concat(HEADS, WIDTH),
    "gatv2": lambda length: GATv2Score(HEADS, WIDTH),
    "location_based": lambda length: LocationBased(HEADS, WIDTH, length),
}


def grown(score: str, implementation: str, length: int) -> tuple[float, float]:
    """Growth of the peak in MiB, and seconds, of one forward and backward pass."""
    torch.set_num_threads(1)  # the subject is growth, not speed
    x = torch.randn(BATCH, HEADS, length, WIDTH, requires_grad=True)
    attention = Attention(SCORES[score](length), implementation=implementation)
    small = x[:, :, :8]
    attention(small, small, small).context.sum().backward()  # loads libraries and starts thread pools
    before, started = _peak(), time.perf_counter()
    attention(x, x, x).context.sum().backward()
    return _peak() - before, time.perf_counter() - started


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--quick", action="store_true", help="256 queries and keys, additive only")
    arguments = parser.parse_args()
    length = 256 if arguments.quick else arguments.length
    print(f"{length} queries and keys, batch {BATCH}, {HEADS} heads of {WIDTH}, forward and backward")
    print(f"{'score':16}  plain MiB  ours MiB  ratio   plain s  ours s")
    for score in ["additive"] if arguments.quick else SCORES:
        results = []
        for implementation in ("reference", "auto"):
            with get_context("spawn").Pool(1) as pool:
                results.append(pool.apply(grown, (score, implementation, length)))
        (plain, plain_s), (ours, ours_s) = results
        print(f"{score:16}  {plain:9.1f}  {ours:8.1f}  {ours / max(plain, 0.1):5.3f}  {plain_s:8.2f}  {ours_s:6.2f}")


if __name__ == "__main__":
    main()
