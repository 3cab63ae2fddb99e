"""One graph attention layer on many edges, forward and backward: time and memory against PyG's GATConv.

    python benchmarks/graph_edges.py [--edges 10000 100000 1000000] [--rounds 5] [--threads 2] [--quick]

Ten random edges per node, 64 features to 8 heads of 8, dropout 0.6 on the attention weights, dense input that requires
a gradient. Memory is the rise of a fresh process's peak over three steps, including what a layer caches for the graph.
Targets at 1e6 edges: at most 0.35 of the time of PyG and 0.2 of its memory.
"""

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from timing import implementations, interleaved, show
from torch import Tensor

from suite.attention import EdgeAttention, Edges, GATScore, GraphAttention

PEER, OURS = "PyG GATConv", "ours GAT, "  # with an implementation


def inputs(num_edges: int) -> tuple[Tensor, Tensor]:
    """Features (N, 64) and edges (2, M), sorted by receiver."""
    torch.manual_seed(0)
    num_nodes = max(1, num_edges // 10)
    sender, receiver = torch.randint(num_nodes, (2, num_edges))
    edge_index = torch.stack([sender, receiver.sort().values])
    return torch.randn(num_nodes, 64, requires_grad=True), edge_index


def step(name: str, x: Tensor, edge_index: Tensor) -> Callable[[], object]:
    """One forward and backward pass of the named layer."""
    if name.startswith(OURS):
        attention = EdgeAttention(GATScore(8, 8), dropout=0.6, implementation=name.removeprefix(OURS))
        layer = GraphAttention(64, 8, 8, attention)
        edges = Edges.from_index(edge_index, len(x))
        return lambda: layer(x, edges).context.sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit during the import
        from torch_geometric.nn import GATConv
    conv = GATConv(64, 8, heads=8, dropout=0.6, add_self_loops=False)
    return lambda: conv(x, edge_index).sum().backward()


def peak_mib(name: str, num_edges: int, threads: int) -> float:
    """Rise of the peak memory of a fresh process, MiB."""
    command = [sys.executable, __file__, "--peak", name, "--edges", str(num_edges), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_peak(name: str, num_edges: int) -> None:
    """In the fresh process: prepare the graph, run three steps, print the rise in MiB."""
    step(name, *inputs(1000))()  # loads libraries and starts thread pools before the measurement
    x, edge_index = inputs(num_edges)
    before = _status("VmRSS")
    call = step(name, x, edge_index)
    for _ in range(3):
        call()
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    """A memory field of this process in KiB, from Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a small graph and one round: shows that it runs")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.peak:
        print_peak(options.peak, options.edges[0])
        return
    rounds, least = (1, 0.0) if options.quick else (options.rounds, 0.1)
    for num_edges in [1000] if options.quick else options.edges:
        x, edge_index = inputs(num_edges)
        names = [PEER, *(OURS + implementation for implementation in implementations())]
        samples = interleaved({name: step(name, x, edge_index) for name in names}, rounds, least)
        show(f"{num_edges} edges, {options.threads} threads", samples)
        peaks = {name: peak_mib(name, num_edges, options.threads) for name in samples}
        for name, peak in peaks.items():
            print(f"{name}: +{peak:.0f} MiB, ratio {peak / max(peaks[PEER], 1e-9):.2f}")


if __name__ == "__main__":
    main()
