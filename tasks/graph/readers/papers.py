"""Cora from the wheel of the package graphdatascience, in the node order of Planetoid."""

import json
from importlib.resources import files as package_files

import numpy as np

from suite.data.cache import Arrays
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.graph.arrays import graph_to_arrays, in_both_directions
from tasks.graph.features import SparseFeatures
from tasks.graph.split import public_split

NODES, CITATIONS = "cora_nodes.parquet.gzip", "cora_rels.parquet.gzip"
ENDS = ("sourceNodeId", "targetNodeId")


def read_papers(files: Resolved) -> Arrays:
    """Return the arrays of the graph of Planetoid's files from a table of papers and a table of citations.

    The tables identify papers by id and have their own class numbers; the feature columns are in Planetoid's order.
    Citations become edges in both directions. Raises UserError for tables of other papers.
    """
    import pyarrow.parquet as parquet

    facts = json.loads(package_files("tasks.graph.readers").joinpath("cora_paper_ids.json").read_text(encoding="utf-8"))
    nodes = parquet.read_table(files.path(NODES))
    citations = parquet.read_table(files.path(CITATIONS))
    paper_ids = nodes["nodeId"].to_numpy()
    if sorted(paper_ids.tolist()) != sorted(facts["paper_ids"]):
        raise UserError(f"{files.path(NODES)} has not the papers of Cora. Delete it and run: attn data get cora")

    by_id = np.argsort(paper_ids)
    order = by_id[np.searchsorted(paper_ids[by_id], facts["paper_ids"])]  # the row of each node in the table
    words = nodes["features"].combine_chunks().flatten().to_numpy().reshape(len(paper_ids), -1)
    labels = np.array(facts["classes"])[nodes["subject"].to_numpy()[order]]

    node_of = dict(zip(facts["paper_ids"], range(len(paper_ids)), strict=True))
    ends = np.array([[node_of[paper] for paper in citations[name].to_pylist()] for name in ENDS])
    ends = ends[:, ends[0] != ends[1]]
    features = SparseFeatures.from_dense(words[order])
    split = public_split(140, 1708, np.arange(1708, len(paper_ids)))  # as in Planetoid's files
    return graph_to_arrays(features, in_both_directions(ends), labels, split, len(facts["classes"]))
