"""Time candidates side by side: one process, shuffled rounds, medians, and ratios taken within a round.

A shared machine changes its speed from second to second. What the candidates of one round share cancels in their ratio,
so ratios are what to read; milliseconds are for orientation.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping

Samples = dict[str, list[float]]  # milliseconds a call, one entry a round


def options(description: str | None) -> argparse.Namespace:
    """The words ``--threads``, ``--rounds`` and ``--quick``; threads are set and torch's generator is seeded."""
    import torch  # here, for what times processes needs none

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    found = parser.parse_args()
    torch.set_num_threads(found.threads)
    torch.manual_seed(0)
    return found


def implementations() -> list[str]:
    """What the core computes with here: "auto", and "compiled" where the optional kernels can be built."""
    from suite.attention.compiled.library import library

    try:
        library()
    except ValueError as error:
        print(f"no compiled kernels: {error}")
        return ["auto"]
    return ["auto", "compiled"]


def interleaved(candidates: Mapping[str, Callable[[], object]], rounds: int = 9, least: float = 0.05) -> Samples:
    """Call every candidate in every round, in an order drawn anew, for at least ``least`` seconds each time."""
    repeats = {name: _repeats(call, least) for name, call in candidates.items()}
    samples: Samples = {name: [] for name in candidates}
    order = list(candidates)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            samples[name].append(_seconds(candidates[name], repeats[name]) * 1e3)
    return samples


def ratio(samples: Samples, name: str, peer: str) -> float:
    """Median over rounds of ``name``'s time divided by ``peer``'s in the same round: below 1 is faster."""
    return statistics.median(mine / other for mine, other in zip(samples[name], samples[peer], strict=True))


def show(title: str, samples: Samples) -> None:
    """Print the medians, the fastest round, and ratios to the candidate that was named first."""
    peer = next(iter(samples))
    width = max(map(len, samples))
    print(f"\n{title}\n{'':{width}}   median ms   fastest ms   ratio")
    for name, times in samples.items():
        print(
            f"{name:{width}}  {statistics.median(times):10.2f}  {min(times):11.2f}  {ratio(samples, name, peer):6.3f}"
        )


def _repeats(call: Callable[[], object], least: float) -> int:
    call()  # allocations, caches, thread pools
    return max(1, round(least / _seconds(call, 1)))


def _seconds(call: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats
