"""The data module of the graph task: one graph is the whole batch."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from suite.data.module import TaskData
from suite.data.per_class_split import PerClassSplit
from suite.data.readers import Reader
from suite.data.source import Resolved, Source
from tasks.graph.batch import GraphBatch
from tasks.graph.graph import PARTS, Graph
from tasks.graph.readers.graph_tables import GraphTables
from tasks.graph.readers.npz import AmazonNpz, GraphNpz
from tasks.graph.readers.planetoid import Planetoid, recorded
from tasks.graph.synthetic import SyntheticGraph


class GraphReader(Reader, Protocol):
    """What reads one kind of graph: ``reader.read(reader.resolve(data_dir))``."""

    def read(self, files: Resolved) -> Graph:
        """Read them; raises UserError for files that do not make a graph."""
        ...


class OneBatch:
    """A loader of a single batch: there is nothing to collate. Lightning takes a list for several loaders."""

    def __init__(self, batch: GraphBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[GraphBatch]:
        return iter((self.batch,))


class GraphData(TaskData):
    """Any graph, by its reader. Every pass sees the whole graph; the split says which nodes count."""

    def __init__(self, graph: GraphReader, dir: str = "data", normalize_features: bool = True) -> None:
        super().__init__(graph, dir)
        self.normalize_features = normalize_features
        self._graph: Graph | None = None
        self._batch: GraphBatch | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read the graph."""
        graph: Graph = self.reader.read(files)
        self._graph = graph.row_normalized() if self.normalize_features else graph
        return {
            "content_hash": graph.content_hash(),
            "split_hash": graph.split_hash(),
            "num_nodes": graph.num_nodes,
            "num_edges": graph.edge_index.shape[1],
            **{f"num_{part}": len(getattr(graph, part)) for part in PARTS},
        }

    @property
    def graph(self) -> Graph:
        """The graph as the model sees it; finds and reads it where that has not been done."""
        self.setup()
        assert self._graph is not None
        return self._graph

    def facts(self) -> dict[str, int]:
        """What the model has to know about the data."""
        graph = self.graph
        return {
            "num_features": graph.num_features,
            "num_classes": graph.num_classes,
            "num_nodes": graph.num_nodes,
        }

    @property
    def batch(self) -> GraphBatch:
        """The graph in the layout of the model, built once."""
        if self._batch is None:
            self._batch = GraphBatch.of(self.graph)
        return self._batch

    def training_batches(self) -> OneBatch:
        """The graph, whole."""
        return OneBatch(self.batch)

    def evaluation_batches(self, split: str) -> OneBatch:
        """Return the whole graph as one batch; each process evaluates it."""
        return self.split_dataloader(split)

    def split_dataloader(self, split: str) -> OneBatch:
        """Return the whole graph as one batch; an evaluation counts the nodes of ``split``."""
        return OneBatch(replace(self.batch, evaluated=split))


# One class for each kind of graph lets its options stand beside the common ones: data.name=NAME, data.nodes=FILE.
# ``common`` are the arguments of GraphData after the first.


class PlanetoidData(GraphData):
    """Cora, Citeseer, Pubmed, or any files of their form."""

    def __init__(
        self, name: str, source: Source | None = None, class_names: list[str] | None = None, **common: Any
    ) -> None:
        super().__init__(Planetoid(name, source or recorded(name), class_names), **common)


class AmazonData(GraphData):
    """One of the Amazon co-purchase graphs, with a seeded split."""

    def __init__(
        self,
        source: Source,
        train_per_class: float = 20,
        num_val: float = 500,
        num_test: float = 1000,
        split_seed: int = 0,
        **common: Any,
    ) -> None:
        super().__init__(AmazonNpz(source, PerClassSplit(train_per_class, num_val, num_test, split_seed)), **common)


class NpzData(GraphData):
    """A user's own graph from one .npz."""

    def __init__(
        self,
        path: str,
        undirected: bool = False,
        train_per_class: float = 0.6,
        num_val: float = 0.2,
        num_test: float = 0.2,
        split_seed: int = 0,
        **common: Any,
    ) -> None:
        split = PerClassSplit(train_per_class, num_val, num_test, split_seed)
        super().__init__(GraphNpz(path, split, undirected), **common)


class TablesData(GraphData):
    """A user's own graph from two CSV files."""

    def __init__(
        self,
        nodes: str,
        edges: str,
        id_column: str = "id",
        label_column: str = "label",
        source_column: str = "source",
        target_column: str = "target",
        undirected: bool = True,
        train_per_class: float = 0.6,
        num_val: float = 0.2,
        num_test: float = 0.2,
        split_seed: int = 0,
        **common: Any,
    ) -> None:
        split = PerClassSplit(train_per_class, num_val, num_test, split_seed)
        columns = (id_column, label_column, source_column, target_column)
        super().__init__(GraphTables(nodes, edges, split, *columns, undirected), **common)


class SyntheticData(GraphData):
    """A small made-up graph."""

    def __init__(
        self, num_nodes: int = 61, num_classes: int = 3, num_features: int = 37, seed: int = 0, **common: Any
    ) -> None:
        super().__init__(SyntheticGraph(num_nodes, num_classes, num_features, seed), **common)
