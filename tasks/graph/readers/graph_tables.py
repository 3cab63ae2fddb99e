"""A graph from two CSV tables: one line for every node, one line for every edge."""

# N nodes, M edges, F features

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.per_class_split import PerClassSplit
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph
from tasks.graph.readers.npz import both_ways, own_files

Row = tuple[int, list[str]]  # number of the line in the file, and its cells


class GraphTables:
    """Reader of a user's own pair of CSV files, UTF-8, each with a line of column names.

    ``nodes`` has a column of ids (any text), one of labels (any text, empty = unlabelled) and numbers in all others,
    which are the features. ``edges`` has a column of senders and one of receivers; others are ignored. Classes are
    numbered in the order of their names (as numbers, where all are). Lines are counted as an editor does, from 1.
    """

    def __init__(
        self,
        nodes: str,
        edges: str,
        split: PerClassSplit,
        id_column: str = "id",
        label_column: str = "label",
        source_column: str = "source",
        target_column: str = "target",
        undirected: bool = True,
    ) -> None:
        self.nodes = Path(nodes)
        self.edges = Path(edges)
        self.split = split
        self.id_column = id_column
        self.label_column = label_column
        self.source_column = source_column
        self.target_column = target_column
        self.undirected = undirected

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the files, relative to the working directory; raises UserError where one is missing."""
        return own_files(data_dir, self.nodes, self.edges)

    def read(self, files: Resolved) -> Graph:
        """Read both files. Raises UserError with the file, the line and the column of what is wrong."""
        header, rows = read_table(self.nodes, [self.id_column, self.label_column])
        numbers = self._numbers(rows, header.index(self.id_column))
        names, labels = _classes([cells[header.index(self.label_column)] for _, cells in rows])
        features = SparseFeatures.from_dense(self._features(header, rows))
        edge_index = self._edges(numbers)
        split = self.split(labels)
        return Graph.create(features, edge_index, labels, split, len(names), tuple(numbers), names)

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the files."""
        return {"split": str(self.split), "undirected": self.undirected}

    def _numbers(self, rows: list[Row], column: int) -> dict[str, int]:
        """The number of every node, by id, in the order of the table."""
        numbers: dict[str, int] = {}
        for line, cells in rows:
            if cells[column] in numbers:
                first = rows[numbers[cells[column]]][0]
                raise UserError(
                    f"{self.nodes}, line {line}, column {self.id_column}: the id {cells[column]!r} stands in line "
                    f"{first} already. Every node needs an id of its own."
                )
            numbers[cells[column]] = len(numbers)
        return numbers

    def _features(self, header: list[str], rows: list[Row]) -> np.ndarray:
        """The numbers of all other columns, (N, F)."""
        columns = [i for i, name in enumerate(header) if name not in (self.id_column, self.label_column)]
        if not columns:
            raise UserError(f"{self.nodes} has no column of features beside {self.id_column} and {self.label_column}.")
        matrix = np.empty((len(rows), len(columns)), dtype=np.float64)
        largest = np.finfo(np.float32).max  # what the model computes with
        for node, (line, cells) in enumerate(rows):
            for place, column in enumerate(columns):
                try:
                    matrix[node, place] = float(cells[column])
                except ValueError as error:
                    raise UserError(
                        f"{self.nodes}, line {line}, column {header[column]}: {cells[column]!r} is not a number."
                    ) from error
            fits = np.abs(matrix[node]) <= largest  # False for what is no number, too
            if not fits.all():
                column = columns[int(np.flatnonzero(~fits)[0])]
                raise UserError(
                    f"{self.nodes}, line {line}, column {header[column]}: {cells[column]!r} is not finite in float32."
                )
        return matrix

    def _edges(self, numbers: dict[str, int]) -> np.ndarray:
        """Edges (2, M) as numbers of nodes."""
        names = [self.source_column, self.target_column]
        header, rows = read_table(self.edges, names)
        ends = np.empty((2, len(rows)), dtype=np.int64)
        for edge, (line, cells) in enumerate(rows):
            for end, name in enumerate(names):
                node = cells[header.index(name)]
                if node not in numbers:
                    raise UserError(
                        f"{self.edges}, line {line}, column {name}: there is no node {node!r} in {self.nodes}. "
                        "Remove the edge or add the node."
                    )
                ends[end, edge] = numbers[node]
        return both_ways(ends) if self.undirected else ends


def read_table(path: Path, required: list[str]) -> tuple[list[str], list[Row]]:
    """The column names and the lines of a CSV file. Raises UserError for what is not one, or lacks a column."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: not valid UTF-8 ({error.reason}). Save the file as UTF-8.") from error
    rows = list(_cells(path, text))
    if not rows:
        raise UserError(f"{path} is empty; its first line should name the columns.")
    header = [name.strip() for name in rows[0][1]]
    for name in required:
        if header.count(name) != 1:
            raise UserError(
                f"{path} has {header.count(name)} columns named {name!r} and needs one; its columns are "
                f"{', '.join(header[:8])}{', ...' if len(header) > 8 else ''}. Rename it, or give its name "
                "(data.id_column, data.label_column, data.source_column, data.target_column)."
            )
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise UserError(f"{path}, line {line}: {len(cells)} cells, and the first line names {len(header)} columns.")
    return header, rows[1:]


def _cells(path: Path, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:  # an empty line says nothing
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}.") from error


def _classes(labels: list[str]) -> tuple[list[str], np.ndarray]:
    """The names of the classes in order, and the class of every node, (N,); -1 where the label is empty."""
    names = {label for label in labels if label}
    ordered = sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)
    number = {name: i for i, name in enumerate(ordered)} | {"": -1}
    return ordered, np.array([number[label] for label in labels], dtype=np.int64)
