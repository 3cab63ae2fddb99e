"""Nodes for prediction: nodes of the training graph, and new nodes with features and neighbors."""

# N nodes of the graph, n new nodes, F features

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from suite.errors import UserError
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph


class NodeRecord(NamedTuple):
    """A node to classify.

    Args:
        id: of a node of the graph, or of a new node.
        features: of a new node, the value of each feature by its number; None for a node of the graph.
        neighbors: of a new node, the ids of the nodes it attends to besides itself.
    """

    id: str
    features: Mapping[int, float] | None = None
    neighbors: tuple[str, ...] = ()


def parse_node(given: Any, place: str) -> NodeRecord:
    """Return a record from an id, or from a dict with the keys ``id``, ``features`` and ``neighbors``.

    ``features`` is a list of F numbers, or a dict from the number of a feature to its value. Raises UserError, naming
    ``place``, for anything else.

    >>> parse_node({"id": "new", "features": {"2": 1}, "neighbors": [0, "7"]}, "row 1")
    NodeRecord(id='new', features={2: 1.0}, neighbors=('0', '7'))
    """
    if isinstance(given, NodeRecord):
        return given
    if isinstance(given, (str, int, np.integer)) and not isinstance(given, bool):
        return NodeRecord(str(given))
    if not isinstance(given, Mapping) or "id" not in given or set(given) - {"id", "features", "neighbors"}:
        raise UserError(f'{place}: expected an id, or {{"id": ..., "features": ..., "neighbors": [...]}}')
    features, neighbors = given.get("features"), given.get("neighbors", [])
    if features is None and neighbors:
        raise UserError(f"{place}: node {given['id']!r} has neighbors but no features; a new node needs both")
    if not isinstance(neighbors, Sequence) or isinstance(neighbors, str):
        raise UserError(f"{place}: neighbors must be a list of ids")
    values = None if features is None else _parse_features(features, place)
    return NodeRecord(str(given["id"]), values, tuple(map(str, neighbors)))


def add_nodes(graph: Graph, ids: Mapping[str, int], nodes: Sequence[NodeRecord], normalize: bool) -> Graph:
    """Return the graph with new nodes after its own, without labels.

    Edges lead from the neighbors to a new node only, so the nodes of the graph keep their predictions, and new nodes
    do not change each other unless one is a neighbor of the other.

    Args:
        graph: with features as the model uses them.
        ids: the number of each node by its id, the new nodes included.
        nodes: new nodes, numbered N, N + 1, ...
        normalize: whether the features of the graph are divided by their sum.

    Raises:
        UserError: for a feature outside 0..F-1, and for a neighbor that does not exist.
    """
    features = _stack(graph.features, nodes, graph.num_features, normalize)
    senders, receivers = [], []
    for number, node in enumerate(nodes, start=graph.num_nodes):
        for neighbor in dict.fromkeys(node.neighbors):
            if neighbor not in ids:
                raise UserError(f"node {node.id!r}: the neighbor {neighbor!r} is neither in the graph nor a new node")
            if ids[neighbor] != number:
                senders.append(ids[neighbor])
                receivers.append(number)
    edges = torch.tensor([senders, receivers], dtype=torch.long).reshape(2, -1)
    return replace(
        graph,
        features=features,
        edge_index=torch.cat([graph.edge_index, edges], dim=1),
        labels=torch.cat([graph.labels, graph.labels.new_full((len(nodes),), -1)]),
        node_names=None,
    )


def _stack(old: SparseFeatures, nodes: Sequence[NodeRecord], width: int, normalize: bool) -> SparseFeatures:
    """Return the features of the nodes of the graph and of the new nodes."""
    rows, columns, values = [], [], []
    for row, node in enumerate(nodes):
        for column, value in (node.features or {}).items():
            if not 0 <= column < width:
                raise UserError(f"node {node.id!r}: feature {column} is outside 0..{width - 1}, those of the model")
            rows.append(row)
            columns.append(column)
            values.append(value)
    entries = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64), np.array(values, dtype=np.float64)
    new = SparseFeatures.from_entries(*entries, (len(nodes), width))
    new = new.row_normalized() if normalize else new
    return SparseFeatures(
        torch.cat([old.offsets, old.offsets[-1] + new.offsets[1:]]),
        torch.cat([old.columns, new.columns]),
        torch.cat([old.values, new.values]),
        width,
    )


def _parse_features(features: Any, place: str) -> dict[int, float]:
    pairs = features.items() if isinstance(features, Mapping) else enumerate(features)
    try:
        values = {int(column): float(value) for column, value in pairs}
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: features must be numbers, in a list or by the number of the feature") from error
    if not np.isfinite(list(values.values())).all():
        raise UserError(f"{place}: features must be finite numbers")
    return values
