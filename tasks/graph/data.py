"""The data modules of the graph task: each batch is the whole graph."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch

from suite.data.identity import SampleRecord
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved
from suite.data.splits import SPLITS, Split
from suite.errors import UserError
from tasks.graph.batch import GraphBatch, GraphLoader
from tasks.graph.graph import Graph
from tasks.graph.readers.amazon import AmazonNpz
from tasks.graph.readers.graph_npz import GraphNpz
from tasks.graph.readers.graph_tables import GraphTables
from tasks.graph.readers.planetoid import Planetoid
from tasks.graph.synthetic import SyntheticGraph


class GraphReader(Reader, Protocol):
    """Reads one kind of graph: ``reader.read(reader.resolve(data_dir))``."""

    def read(self, files: Resolved) -> Graph:
        """Read the files. Raises UserError for files that do not contain a graph."""
        ...


class GraphData(TaskData):
    """A graph as training data. A split is a set of its nodes.

    Args:
        graph: reader of the graph.
        dir: directory in which files are looked for and cached.
        normalize_features: whether each row of features is divided by the sum of its absolute values.
    """

    def __init__(self, graph: GraphReader, dir: str, normalize_features: bool) -> None:
        super().__init__(graph, dir)
        self.normalize_features = normalize_features
        self._graph: Graph | None = None
        self._batch: GraphBatch | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read the graph. Returns hashes and counts for the provenance."""
        graph: Graph = self.reader.read(files)
        self._graph = graph.row_normalized() if self.normalize_features else graph
        return {
            "content_hash": graph.content_hash(),
            "split_hash": graph.split_hash(),
            "num_nodes": graph.num_nodes,
            "num_edges": graph.edge_index.shape[1],
            **{f"num_{split}": len(getattr(graph, split)) for split in SPLITS},
        }

    @property
    def graph(self) -> Graph:
        """The graph, with normalized features if requested; read on first use."""
        self.setup()
        assert self._graph is not None
        return self._graph

    def facts(self) -> dict[str, Any]:
        """Return the sizes that the model needs, and the class names that predictions use."""
        graph = self.graph
        return {
            "num_features": graph.num_features,
            "num_classes": graph.num_classes,
            "num_nodes": graph.num_nodes,
            "class_names": list(graph.class_names or map(str, range(graph.num_classes))),
        }

    def sample_record(self) -> SampleRecord:
        """Return the nodes with their splits; the hash of the content covers the edges."""
        graph = self.graph
        names, contents = graph.identities()
        split = Split(*(getattr(graph, name).numpy() for name in SPLITS))
        return SampleRecord(names, contents, split, graph.content_hash(), split.hash())

    def restore_split(self, split: Split, facts: Mapping[str, Any]) -> None:
        """Use the split and the classes of a checkpoint. Raises UserError if the nodes have other features."""
        graph, now = self.graph, self.facts()
        if facts["num_features"] != now["num_features"]:
            raise UserError(f"the nodes have {now['num_features']} features, the model {facts['num_features']}")
        number_of = {name: number for number, name in enumerate(facts["class_names"])}
        numbers = torch.tensor([*(number_of.get(name, -1) for name in now["class_names"]), -1])
        train, val, test = map(torch.from_numpy, split)
        class_names = tuple(facts["class_names"])
        self._graph = replace(
            graph,
            labels=numbers[graph.labels],
            num_classes=len(class_names),
            class_names=class_names,
            train=train,
            val=val,
            test=test,
        )
        self._graph.validate()
        self._batch = None

    @property
    def batch(self) -> GraphBatch:
        """The input of the model, built on first use."""
        if self._batch is None:
            self._batch = GraphBatch.of(self.graph)
        return self._batch

    def training_batches(self) -> GraphLoader:
        """Return one batch, the whole graph."""
        return GraphLoader(self.batch)

    def evaluation_batches(self, split: str) -> GraphLoader:
        """Return the whole graph as one batch; each process evaluates it."""
        return self.split_dataloader(split)

    def split_dataloader(self, split: str) -> GraphLoader:
        """Return the whole graph as one batch; its metrics are those of the nodes of ``split``."""
        return GraphLoader(replace(self.batch, evaluated=split))


class PlanetoidData(GraphData, reader=Planetoid):
    """Cora, Citeseer, Pubmed, or a user's own files in the same format."""


class AmazonData(GraphData, reader=AmazonNpz):
    """An Amazon co-purchase graph with a seeded split."""


class NpzGraphData(GraphData, reader=GraphNpz):
    """A user's own graph from one .npz file."""


class TablesGraphData(GraphData, reader=GraphTables):
    """A user's own graph from a table of nodes and a table of edges."""


class SyntheticGraphData(GraphData, reader=SyntheticGraph):
    """A small generated graph."""
