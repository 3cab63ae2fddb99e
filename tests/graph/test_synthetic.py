"""The generated graph."""

from tests.presets import build_preset


def test_the_same_seed_gives_the_same_graph_with_an_isolated_node():
    graphs = [build_preset("graph/synthetic", seed=seed).reader for seed in (0, 0, 1)]
    hashes = [reader.read(reader.resolve("data")).content_hash() for reader in graphs]
    assert hashes[0] == hashes[1] != hashes[2]
    graph = build_preset("graph/synthetic").graph
    assert 60 not in graph.edge_index
    assert graph.num_features % 2 == 1
