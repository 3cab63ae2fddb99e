"""A graph with node features, labels and a split: what every reader returns."""

# N nodes, M edges, F features, C classes

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.data.identity import digests
from suite.data.splits import SPLITS
from suite.errors import UserError
from tasks.graph.features import SparseFeatures

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True, eq=False)
class Graph:
    """One graph. ``create`` checks its parts and sorts its edges.

    Args:
        features: (N, F).
        edge_index: (2, M) int64: row 0 are the senders, row 1 the receivers; sorted by receiver, then sender, without
            duplicates. Models add self-loops.
        labels: (N,) int64 in 0..C-1, -1 = unlabelled.
        train, val, test: sorted int64 indices of nodes, disjoint.
        num_classes: C.
        node_names, class_names: one name for each node and each class, if given.
    """

    features: SparseFeatures
    edge_index: Tensor
    labels: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    num_classes: int
    node_names: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @classmethod
    def create(
        cls,
        features: SparseFeatures,
        edge_index: np.ndarray,
        labels: np.ndarray,
        split: Sequence[np.ndarray],
        num_classes: int | None = None,
        node_names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> "Graph":
        """Check the parts and sort the edges. Raises UserError as ``validate`` does.

        ``split`` holds the indices of the training, validation and test nodes. The default of ``num_classes`` is the
        highest label plus 1.
        """
        if num_classes is None:
            num_classes = int(labels.max(initial=-1)) + 1
        train, val, test = (torch.from_numpy(np.sort(np.asarray(part)).astype(np.int64)) for part in split)
        graph = cls(
            features,
            torch.from_numpy(np.asarray(edge_index).astype(np.int64)),
            torch.from_numpy(np.asarray(labels).astype(np.int64)),
            train,
            val,
            test,
            num_classes=num_classes,
            node_names=None if node_names is None else tuple(node_names),
            class_names=None if class_names is None else tuple(class_names),
        )
        graph.validate()
        return replace(graph, edge_index=_canonical_edges(graph.edge_index, graph.num_nodes))

    @property
    def num_nodes(self) -> int:
        """The number of nodes, N."""
        return len(self.labels)

    @property
    def num_features(self) -> int:
        """The number of features of a node, F."""
        return self.features.num_columns

    def validate(self) -> None:
        """Raise UserError if features, edges, labels and split do not fit together."""
        num_nodes = self.num_nodes
        if len(self.features) != num_nodes:
            raise UserError(
                f"The graph has {len(self.features)} rows of features and {num_nodes} labels; each node needs both"
            )
        if self.edge_index.dim() != 2 or len(self.edge_index) != 2:
            raise UserError(f"Edges must have the shape (2, M), got {tuple(self.edge_index.shape)}.")
        outside = ((self.edge_index < 0) | (self.edge_index >= num_nodes)).any(dim=0)
        if bool(outside.any()):
            bad = int(outside.nonzero()[0])
            sender, receiver = self.edge_index[:, bad].tolist()
            raise UserError(
                f"Edge {bad} ({sender} -> {receiver}) points outside the graph, whose {num_nodes} nodes are "
                f"0..{num_nodes - 1}. Remove the edge or add the node."
            )
        if not bool(self.features.values.isfinite().all()):
            bad = int(self.features.rows[~self.features.values.isfinite()][0])
            raise UserError(f"Node {bad} has a feature that is not a finite number. Correct or remove it.")
        if num_nodes and (int(self.labels.min()) < -1 or int(self.labels.max()) >= self.num_classes):
            bad = int(((self.labels < -1) | (self.labels >= self.num_classes)).nonzero()[0])
            raise UserError(
                f"Node {bad} has label {int(self.labels[bad])}; labels are 0..{self.num_classes - 1}, or -1 for none."
            )
        self._validate_split()

    def _validate_split(self) -> None:
        if len(self.train) == 0:
            raise UserError("The graph has no training node. Label some nodes and add them to the split.")
        taken = torch.zeros(self.num_nodes, dtype=torch.bool)
        for name in SPLITS:
            part: Tensor = getattr(self, name)
            if len(part) and (int(part.min()) < 0 or int(part.max()) >= self.num_nodes):
                raise UserError(f"The {name} split has a node outside 0..{self.num_nodes - 1}.")
            if bool((self.labels[part] < 0).any()):
                raise UserError(f"Node {int(part[self.labels[part] < 0][0])} is in the {name} split and has no label.")
            if bool(taken[part].any()) or len(part.unique()) != len(part):
                repeated = part[taken[part]] if bool(taken[part].any()) else part[:-1][part.diff() == 0]
                raise UserError(f"Node {int(repeated[0])} is in the split twice, the second time in {name}.")
            taken[part] = True

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """Return names and contents for a ``SampleRecord``: of each node its name, and its features with its label.

        Without names, a node is recognized by its features.
        """
        columns, values = self.features.columns.numpy(), self.features.values.numpy()
        offsets = self.features.offsets.tolist()
        rows = [columns[a:b].tobytes() + values[a:b].tobytes() for a, b in pairwise(offsets)]
        classes = self.class_names or tuple(map(str, range(self.num_classes)))
        labels = [classes[label] if label >= 0 else "" for label in self.labels.tolist()]
        return digests(self.node_names or rows), digests(zip(rows, labels, strict=True))

    def content_hash(self) -> str:
        """SHA-256 over edges, features, labels and split; equal graphs have equal hashes on every machine.

        It covers the text ``graph 1 N F C``, then edge_index, feature offsets and columns (int64), feature values
        (float32), labels, train, val and test (int64); each as its length in int64 and its content, little-endian.
        """
        header = f"graph 1 {self.num_nodes} {self.num_features} {self.num_classes}"
        features = (self.features.offsets, self.features.columns, self.features.values)
        return _sha256(header, self.edge_index, *features, self.labels, self.train, self.val, self.test)

    def split_hash(self) -> str:
        """SHA-256 over the text ``split 1``, then train, val and test in the byte form of ``content_hash``."""
        return _sha256("split 1", self.train, self.val, self.test)

    def row_normalized(self) -> "Graph":
        """The graph with each row of features divided by the sum of its absolute values."""
        return replace(self, features=self.features.row_normalized())

    def to(self, device: torch.device | str) -> "Graph":
        """The graph on ``device``; the same object if it is there already."""
        if self.labels.device == torch.device(device):
            return self
        tensors = {name: getattr(self, name).to(device) for name in ("edge_index", "labels", *SPLITS)}
        return replace(self, features=self.features.to(device), **tensors)

    @classmethod
    def from_pyg(cls, data: "Data") -> "Graph":
        """A graph from PyG's ``Data`` with x, edge_index, y and bool masks train_mask, val_mask and test_mask."""
        split = [np.flatnonzero(data[f"{part}_mask"].cpu().numpy()) for part in SPLITS]
        features = SparseFeatures.from_dense(data.x.cpu().numpy())
        return cls.create(features, data.edge_index.cpu().numpy(), data.y.cpu().numpy(), split)

    def to_pyg(self) -> "Data":
        """PyG's ``Data`` with dense x, edge_index, y and bool masks."""
        from torch_geometric.data import Data

        data = Data(x=self.features.to_dense(), edge_index=self.edge_index, y=self.labels)
        for part in SPLITS:
            mask = torch.zeros_like(self.labels, dtype=torch.bool)
            mask[getattr(self, part)] = True
            data[f"{part}_mask"] = mask
        return data


def _canonical_edges(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Edges sorted by receiver, then sender, without duplicates."""
    keys = torch.unique(edge_index[1] * num_nodes + edge_index[0])  # sorted
    return torch.stack([keys % max(num_nodes, 1), keys // max(num_nodes, 1)])


def _sha256(header: str, *tensors: Tensor) -> str:
    digest = hashlib.sha256(header.encode())
    for tensor in tensors:
        array = tensor.cpu().numpy()
        digest.update(np.array(array.size, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(array.astype("<f4" if array.dtype.kind == "f" else "<i8")).tobytes())
    return digest.hexdigest()
