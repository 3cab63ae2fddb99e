"""Predictions for nodes: class, probabilities, and the weights of the edges that the model attends to."""

# N nodes, M edges, H heads

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from suite.data.tables import read_rows
from suite.errors import UserError
from suite.predictor import AttentionWeights, Axis, Picture, Predictor, check_counts
from suite.training.base_task_module import BaseTaskModule
from tasks.graph.batch import GraphBatch
from tasks.graph.graph import Graph
from tasks.graph.new_nodes import NodeRecord, add_nodes, parse_node

LAYERS = ("hidden", "output")


class ClassifiedNode(NamedTuple):
    """The prediction for one node, and its incoming edges, self-loop included."""

    record: NodeRecord
    number: int  # of the node
    probabilities: Tensor  # (C,)
    known: int  # the label in the data, -1 if there is none
    senders: Tensor  # (m,), numbers of the nodes that the node attends to
    names: list[str]  # (m,), their ids
    predicted: Tensor  # (m,), their predicted classes
    weights: tuple[Tensor, ...]  # of each layer, (m, H)


class NodePredictor(Predictor[NodeRecord, ClassifiedNode]):
    """Classifies nodes of the graph that the model was trained on, unlabelled ones included, and new nodes.

    A record is the id of a node, or ``{"id": "new", "features": [...], "neighbors": ["n0", "n5"]}`` for a new node
    (``tasks.graph.new_nodes``). Ids are those of the data; without names in the data they are the node numbers. A
    forward pass processes the whole graph, so ``batch_size=None`` is fastest.

    Args:
        module, facts, batch_size, data: as ``Predictor``; the data are the graph.
        top_edges: incoming edges in an answer, those with the largest weights in the output layer.

    Raises:
        UserError: if ``top_edges`` is negative.
    """

    def __init__(
        self,
        module: BaseTaskModule,
        facts: Mapping[str, Any],
        *,
        top_edges: int,
        batch_size: int | None,
        data: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(module, facts, batch_size=batch_size, data=data)
        check_counts(0, top_edges=top_edges)
        self.top_edges = top_edges
        self.class_names: list[str] = list(facts["class_names"])

    def read(self, path: str) -> Iterator[NodeRecord]:
        """Yield the records of a table with a column ``id``: .csv, .tsv, .jsonl or .parquet; ``-`` reads JSON Lines.

        Other columns of a table are ignored, so the table of nodes of a user's own graph can be read. In JSON Lines a
        node may have ``features`` and ``neighbors``. Raises UserError, naming file and row, for what cannot be read.
        """
        return (parse_node(_node(cells), place) for cells, place in _rows(path))

    def as_record(self, given: Any) -> NodeRecord:
        """Return the record of an id (int or str) or a dict. Raises UserError for anything else."""
        return parse_node(given, f"record {given!r:.60}")

    def run(self, records: list[NodeRecord], attention: bool) -> Iterator[ClassifiedNode]:
        """Classify all nodes of the graph and the new nodes, and yield those of the records."""
        graph, numbers = self._extend(records)
        batch = GraphBatch.of(graph).to(self.device)
        output = self.net(batch.features, batch.edges)
        probabilities = output.logits.softmax(dim=-1).cpu()
        incoming = _IncomingEdges(batch.edge_index.cpu(), len(probabilities))
        weights = [layer.cpu() for layer in output.weights]
        ids, predicted = list(numbers), probabilities.argmax(dim=-1)
        for record in records:
            number = numbers[record.id]
            edges = incoming[number]
            senders = incoming.senders[edges]
            yield ClassifiedNode(
                record,
                number,
                probabilities[number],
                int(graph.labels[number]),
                senders,
                [ids[sender] for sender in senders.tolist()],
                predicted[senders],
                tuple(layer[edges] for layer in weights),
            )

    def labelled_batches(self, path: str) -> list[GraphBatch]:
        """Return one batch whose evaluated nodes are those of a table with the columns ``id`` and ``label``.

        Raises UserError, naming file and row, for a node without a label and for an unknown label.
        """
        rows = list(_rows(path))
        graph, numbers = self._extend([parse_node(_node(cells), place) for cells, place in rows])
        labels, nodes = graph.labels.clone(), []
        for cells, place in rows:
            label = str(cells.get("label", ""))
            if label not in self.class_names:
                raise UserError(f"{place}: the label {label!r} must be one of {', '.join(self.class_names)}")
            nodes.append(numbers[str(cells["id"])])
            labels[nodes[-1]] = self.class_names.index(label)
        batch = GraphBatch.of(replace(graph, labels=labels))
        return [replace(batch, split={"test": torch.tensor(nodes, dtype=torch.long)}, evaluated="test")]

    def answer(self, result: ClassifiedNode) -> dict[str, Any]:
        """Return the class, its probabilities, the label in the data (None if unlabelled), and the largest weights."""
        shares = result.probabilities.tolist()
        strength = result.weights[-1].mean(dim=1)
        order = strength.argsort(descending=True, stable=True)[: self.top_edges].tolist()
        return {
            "node": result.record.id,
            "label": self.class_names[int(result.probabilities.argmax())],
            "probabilities": {name: round(share, 6) for name, share in zip(self.class_names, shares, strict=True)},
            "known_label": None if result.known < 0 else self.class_names[result.known],
            "attended": [{"node": result.names[edge], "weight": round(float(strength[edge]), 6)} for edge in order],
        }

    def weights(self, result: ClassifiedNode) -> dict[str, AttentionWeights]:
        """Return the weights (H, m) of the edges into the node, in both layers; they sum to 1 over the edges."""
        ends = np.stack([result.senders.numpy(), np.full(len(result.senders), result.number)], axis=1)
        edges = Axis("edges", labels=tuple(result.names), coordinates=ends)
        return {
            layer: AttentionWeights(layer, weights.T.numpy(), (Axis("heads"), edges))
            for layer, weights in zip(LAYERS, result.weights, strict=True)
        }

    def picture(self, result: ClassifiedNode) -> Picture:
        """Draw the node and the nodes that it attends to; the width of an edge is its weight in the output layer."""
        from matplotlib.figure import Figure

        from suite.draw.graph import draw_attention

        others = (result.senders != result.number).nonzero()[:, 0]
        angle = torch.arange(len(others)) * (2 * torch.pi / max(len(others), 1))
        positions = torch.cat([torch.zeros(1, 2), torch.stack([angle.cos(), angle.sin()], dim=1)])
        labels = torch.cat([result.probabilities.argmax()[None], result.predicted[others]])
        edges = torch.stack([torch.arange(1, len(others) + 1), torch.zeros(len(others), dtype=torch.long)])
        weights = result.weights[-1].mean(dim=1)[others]
        figure = Figure(figsize=(6, 4))
        axes = figure.subplots()
        draw_attention(axes, positions, edges, weights, labels, self.class_names, width=8.0)
        for place, name in zip(
            positions.tolist(), ["", *(result.names[edge] for edge in others.tolist())], strict=True
        ):
            axes.annotate(name, place, fontsize=7)
        label = self.class_names[int(result.probabilities.argmax())]
        axes.set_title(f"{result.record.id}: {label} ({float(result.probabilities.max()):.0%})")
        figure.tight_layout()
        return Picture.from_figure(result.record.id, figure)

    def _extend(self, records: Sequence[NodeRecord]) -> tuple[Graph, dict[str, int]]:
        """Return the graph with the new nodes of ``records``, and the number of each node by id."""
        graph: Graph = self.data.graph
        names = graph.node_names or map(str, range(graph.num_nodes))
        numbers = {name: number for number, name in enumerate(names)}
        new = [record for record in records if record.features is not None]
        for record in new:
            if record.id in numbers:
                raise UserError(f"node {record.id!r} is already in the graph; give a new node an id that is not used")
            numbers[record.id] = len(numbers)
        missing = next((record.id for record in records if record.id not in numbers), None)
        if missing is not None:
            raise UserError(f"node {missing!r} is not in the graph; a new node needs features and neighbors")
        return add_nodes(graph, numbers, new, self.data.normalize_features) if new else graph, numbers


class _IncomingEdges:
    """The edges into each node: ``self[i]`` are the numbers of the edges whose receiver is node i."""

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        self.senders = edge_index[0]
        self.order = edge_index[1].argsort(stable=True)
        self.ends = torch.bincount(edge_index[1], minlength=num_nodes).cumsum(0).tolist()

    def __getitem__(self, node: int) -> Tensor:
        return self.order[self.ends[node - 1] if node else 0 : self.ends[node]]


def _rows(path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield the cells and the place of each row of a table; ``-`` reads JSON Lines from standard input."""
    if path != "-":
        for row in read_rows(Path(path)):
            if "id" not in row.cells:
                raise UserError(f"{row.place}: there is no column 'id'")
            yield row.cells, row.place
        return
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip():
            try:
                cells = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"standard input, line {number}: not JSON ({error.msg})") from error
            yield cells if isinstance(cells, dict) else {"id": cells}, f"standard input, line {number}"


def _node(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells that describe a node; ``features`` and ``neighbors`` that are text are other columns."""
    keys = ("id", "features", "neighbors")
    return {key: cells[key] for key in keys if key in cells and (key == "id" or not isinstance(cells[key], str))}
