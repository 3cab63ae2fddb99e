"""Cora as the package graphdatascience carries it, by paper, brought into the order and numbering of Planetoid."""

import json
from importlib.resources import files as package_files

import numpy as np

from suite.data.cache import Arrays
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.graph.features import SparseFeatures
from tasks.graph.readers.planetoid import graph_arrays

NODES, CITATIONS = "cora_nodes.parquet.gzip", "cora_rels.parquet.gzip"
ENDS = ("sourceNodeId", "targetNodeId")
SPLIT = (np.arange(140), np.arange(140, 640), np.arange(1708, 2708))  # the public one, in Planetoid's order


def read_papers(files: Resolved) -> Arrays:
    """The arrays of the graph that Planetoid's raw files hold, from two tables.

    The tables name papers by id and classes by a number of their own; the columns of features stand in Planetoid's
    order. Citations become edges both ways. Raises UserError for tables that hold other papers.
    """
    import pyarrow.parquet as parquet

    facts = json.loads(package_files("tasks.graph.readers").joinpath("cora_paper_ids.json").read_text(encoding="utf-8"))
    nodes = parquet.read_table(files.path(NODES))
    citations = parquet.read_table(files.path(CITATIONS))
    paper_ids = nodes["nodeId"].to_numpy()
    if sorted(paper_ids.tolist()) != sorted(facts["paper_ids"]):
        raise UserError(f"{files.path(NODES)} does not hold the papers of Cora. Delete it and run: attn data get cora")

    by_id = np.argsort(paper_ids)
    order = by_id[np.searchsorted(paper_ids[by_id], facts["paper_ids"])]  # row in the table of every node
    words = nodes["features"].combine_chunks().flatten().to_numpy().reshape(len(paper_ids), -1)
    labels = np.array(facts["classes"])[nodes["subject"].to_numpy()[order]]

    node_of = dict(zip(facts["paper_ids"], range(len(paper_ids)), strict=True))
    ends = np.array([[node_of[paper] for paper in citations[name].to_pylist()] for name in ENDS])
    ends = ends[:, ends[0] != ends[1]]
    features = SparseFeatures.from_dense(words[order])
    return graph_arrays(features, np.concatenate([ends, ends[::-1]], axis=1), labels, SPLIT, len(facts["classes"]))
