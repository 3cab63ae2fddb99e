"""A user's own graph from two tables: one row for each node, one row for each edge."""

# N nodes, M edges, F features

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.cells import as_text
from suite.data.class_names import sort_names
from suite.data.own_files import own_files
from suite.data.per_class_split import PerClassSplit
from suite.data.source import Resolved
from suite.data.tables import Table, read_table
from suite.errors import UserError
from tasks.graph.arrays import in_both_directions
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph

LARGEST = np.finfo(np.float32).max  # the type of the features


class GraphTables:
    """Reader of a user's own pair of tables, each a .csv, .tsv, .jsonl or .parquet file with named columns.

    Args:
        nodes: file with a column of ids (any text), a column of labels (any text; empty = unlabelled), and features:
            all other columns, which must be numbers.
        edges: file with a column of senders and a column of receivers, as ids; other columns are ignored.
        id_column, label_column: columns of ``nodes``.
        source_column, target_column: columns of ``edges``.
        undirected: whether a row is an edge in both directions.
        train_per_class, num_val, num_test, split_seed: as those of ``PerClassSplit``, which draws the split.

    Classes are sorted by name, as numbers if all names are numbers.
    """

    def __init__(
        self,
        nodes: str,
        edges: str,
        id_column: str,
        label_column: str,
        source_column: str,
        target_column: str,
        undirected: bool,
        train_per_class: float,
        num_val: float,
        num_test: float,
        split_seed: int,
    ) -> None:
        self.nodes = Path(nodes)
        self.edges = Path(edges)
        self.id_column = id_column
        self.label_column = label_column
        self.source_column = source_column
        self.target_column = target_column
        self.undirected = undirected
        self.split = PerClassSplit(train_per_class, num_val, num_test, split_seed)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash the files. Raises UserError for a file that does not exist."""
        own_files(data_dir, self.nodes, key="data.nodes")
        own_files(data_dir, self.edges, key="data.edges")
        return own_files(data_dir, self.nodes, self.edges)

    def read(self, files: Resolved) -> Graph:
        """Read both files. Raises UserError, naming file, row and column, for what cannot be read."""
        table = read_table(self.nodes)
        numbers = self._numbers(table)
        class_names, labels = _classes(table.column(self.label_column, "data.label_column"))
        features = SparseFeatures.from_dense(self._features(table))
        edge_index = self._edges(numbers)
        return Graph.create(
            features, edge_index, labels, self.split(labels), len(class_names), tuple(numbers), class_names
        )

    def options(self) -> dict[str, Any]:
        """Return what the graph depends on besides the files."""
        return {"split": str(self.split), "undirected": self.undirected}

    def _numbers(self, table: Table) -> dict[str, int]:
        """Return the number of each node by id, in the order of the table."""
        numbers: dict[str, int] = {}
        for row, node in enumerate(table.texts(self.id_column, "data.id_column")):
            if node in numbers:
                raise UserError(
                    f"{table.place(row, self.id_column)}: the id {node!r} is already used in {table.unit} "
                    f"{table.numbers[numbers[node]]}. Give each node its own id"
                )
            numbers[node] = len(numbers)
        return numbers

    def _features(self, table: Table) -> np.ndarray:
        """Return the features (N, F): all columns that are neither ids nor labels."""
        names = [name for name in table.columns if name not in (self.id_column, self.label_column)]
        if not names:
            raise UserError(f"{table.path} has no feature columns, only {self.id_column} and {self.label_column}")
        matrix = np.empty((len(table), len(names)), dtype=np.float64)
        for column, name in enumerate(names):
            matrix[:, column] = table.floats(name, "data.nodes")
            outside = np.flatnonzero(np.abs(matrix[:, column]) > LARGEST)
            if len(outside):
                row = int(outside[0])
                raise UserError(f"{table.place(row, name)}: {table.columns[name][row]!r} is not finite in float32")
        return matrix

    def _edges(self, numbers: dict[str, int]) -> np.ndarray:
        """Return edges (2, M) as node numbers."""
        table = read_table(self.edges)
        ends = np.empty((2, len(table)), dtype=np.int64)
        columns = (self.source_column, "data.source_column"), (self.target_column, "data.target_column")
        for end, (name, option) in enumerate(columns):
            for row, node in enumerate(table.texts(name, option)):
                if node not in numbers:
                    raise UserError(
                        f"{table.place(row, name)}: there is no node {node!r} in {self.nodes}. "
                        "Remove the edge or add the node"
                    )
                ends[end, row] = numbers[node]
        return in_both_directions(ends) if self.undirected else ends


def _classes(cells: Sequence[Any]) -> tuple[list[str], np.ndarray]:
    """Return the sorted class names and the class of each node (N,); -1 where the label is empty."""
    labels = ["" if cell is None or cell != cell else as_text(cell, "label") for cell in cells]
    names = sort_names(label for label in labels if label)
    number = {name: i for i, name in enumerate(names)} | {"": -1}
    return names, np.array([number[label] for label in labels], dtype=np.int64)
