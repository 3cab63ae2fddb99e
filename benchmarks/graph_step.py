"""A training step and a forward pass of GAT and GATv2 on Cora, against PyG's layers in a bare PyTorch loop.

    python benchmarks/graph_step.py [--threads 1 2] [--rounds 9] [--quick]

The peer is PyG's ``examples/gat.py``: dense features, two layers of 8 x 8 heads, dropout 0.6, Adam, full batch. Ours is
the network of ``attn train task=graph``. A step is forward, loss, backward and optimiser; the forward pass is in
evaluation mode. Without the files of Cora, a random graph of its size is used. Targets for a step of GAT: at most 0.13
of PyG's time, 0.06 with the optional compiled kernels.
"""

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from timing import implementations, interleaved, show
from torch import Tensor, nn

from suite.config.compose import compose
from suite.data.source import Resolved
from suite.errors import UserError
from suite.training.build import build_data, build_module
from tasks.graph.arrays import in_both_directions
from tasks.graph.data import GraphData
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph
from tasks.graph.synthetic import SyntheticGraph

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of torch.jit during the import
    from torch_geometric.nn import GATConv, GATv2Conv


class PygNet(nn.Module):
    """The network of PyG's ``examples/gat.py``, with either layer."""

    def __init__(self, layer: type[nn.Module], num_features: int, num_classes: int) -> None:
        super().__init__()
        self.first = layer(num_features, 8, heads=8, dropout=0.6)
        self.second = layer(64, num_classes, heads=1, concat=False, dropout=0.6)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, p=0.6, training=self.training)
        x = F.elu(self.first(x, edge_index))
        x = F.dropout(x, p=0.6, training=self.training)
        return self.second(x, edge_index)


class CoraSized(SyntheticGraph):
    """A random graph with as many nodes, edges and words as Cora."""

    def read(self, files: Resolved) -> Graph:
        random = np.random.RandomState(self.seed)
        rows, words = random.randint(2708, size=49_216), random.randint(1433, size=49_216)
        features = SparseFeatures.from_entries(rows, words, np.ones(len(rows)), (2708, 1433))
        nodes, labels = random.permutation(2708), random.randint(7, size=2708)
        edge_index = in_both_directions(random.randint(2708, size=(2, 5278)))
        return Graph.create(features, edge_index, labels, (nodes[:140], nodes[140:640], nodes[640:1640]), 7)


def cora() -> GraphData:
    """Cora, or a random graph of its size."""
    try:
        return build_data(compose(["task=graph"]))
    except UserError as error:
        print(f"Cora is not available ({error}); using a random graph of its size")
        return GraphData(CoraSized(2708, 7, 1433, seed=0), "data", True)


def runner(
    net: nn.Module, logits: Callable[[], Tensor], optimizer: torch.optim.Optimizer, nodes: Tensor, labels: Tensor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """A training step and an evaluating forward pass of ``net``."""

    def step() -> None:
        net.train()
        optimizer.zero_grad()
        F.cross_entropy(logits()[nodes], labels[nodes]).backward()
        optimizer.step()

    @torch.no_grad()
    def forward() -> None:
        net.eval()
        logits()

    return step, forward


def pyg(layer: type[nn.Module], data: GraphData) -> tuple[Callable[[], object], Callable[[], object]]:
    """PyG's network in a plain loop; it adds self-loops itself."""
    graph, batch = data.graph, data.batch
    sparsity = batch.features.sparsity
    x = torch.zeros(graph.num_nodes, graph.num_features)
    x[sparsity.rows, sparsity.columns.long()] = batch.features.values
    net = PygNet(layer, graph.num_features, graph.num_classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005, weight_decay=5e-4)
    return runner(net, lambda: net(x, graph.edge_index), optimizer, batch.split["train"], batch.labels)


def ours(model: str, data: GraphData, *overrides: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """The suite's network, in the same loop."""
    config = compose(["task=graph", f"model=graph/{model}", *overrides])
    module, batch = build_module(config, data.facts()), data.batch
    net, optimizer = module.net, module.configure_optimizers()
    return runner(net, lambda: net(batch.features, batch.edges).logits, optimizer, batch.split["train"], batch.labels)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs")
    options = parser.parse_args(arguments)
    rounds, least = (1, 0.0) if options.quick else (options.rounds, 0.1)
    torch.manual_seed(0)
    data = cora()
    candidates = {
        "PyG GATConv": pyg(GATConv, data),
        **{f"ours GAT, {name}": ours("gat", data, f"attention.implementation={name}") for name in implementations()},
        "PyG GATv2Conv": pyg(GATv2Conv, data),
        "ours GATv2": ours("gatv2", data),
    }
    for threads in [1] if options.quick else options.threads:
        torch.set_num_threads(threads)
        for place, what in enumerate(("training step", "forward pass")):
            samples = interleaved({name: calls[place] for name, calls in candidates.items()}, rounds, least)
            show(f"{what}, {threads} threads", samples)


if __name__ == "__main__":
    main()
