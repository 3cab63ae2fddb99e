"""The data modules of the graph task."""

import copy
import pickle
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.data.splits import SPLITS
from suite.errors import UserError
from suite.training.build import instantiate
from tasks.graph.data import GraphData
from tasks.graph.readers.planetoid import Planetoid
from tests.graph.readers.test_planetoid import CORA, CORA_SPLIT
from tests.presets import build_preset

FOLDER = Path(__file__).parents[2] / "conf" / "data" / "graph"
NEEDED = {"npz": {"path": "a.npz"}, "csv": {"nodes": "n.csv", "edges": "e.csv"}, "planetoid": {"name": "X"}}
PRESETS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.startswith("_"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_a_graph_data_module(name: str, tmp_path: Path):
    data = build_preset(f"graph/{name}", dir=tmp_path, **NEEDED.get(name, {}))
    assert isinstance(data, GraphData)
    assert data.dir == tmp_path
    assert len(pickle.dumps(data)) > 0
    assert data.normalize_features is True


def test_every_loader_yields_the_one_batch():
    data = build_preset("graph/synthetic")
    assert [batch is data.batch for batch in data.train_dataloader()] == [True]
    for split in SPLITS:
        (batch,) = data.split_dataloader(split)
        assert (batch.evaluated, batch.features is data.batch.features) == (split, True)


def test_provenance_records_origin_licence_and_hashes(cora: Planetoid, data_dir: Path):
    data = GraphData(cora, str(data_dir), True)
    data.prepare_data()
    data.setup("fit")
    found = data.provenance()
    assert found["origin"] == "local files"
    assert found["licence"] == "MIT"
    assert (found["content_hash"], found["split_hash"]) == (CORA, CORA_SPLIT)
    assert found["sha256"]["ind.cora.x"].startswith("23cfa55d")
    assert data.facts() == {
        "num_features": 1433,
        "num_classes": 7,
        "num_nodes": 2708,
        "class_names": list(cora.class_names or ()),
    }
    torch.testing.assert_close(data.graph.features.to_dense().sum(dim=1), torch.ones(2708))
    raw = GraphData(cora, str(data_dir), False)
    assert raw.graph.content_hash() == CORA
    assert copy.deepcopy(data).graph.split_hash() == pickle.loads(pickle.dumps(data)).graph.split_hash() == CORA_SPLIT


@pytest.mark.parametrize("name", PRESETS)
def test_a_misspelt_key_is_rejected(name: str):
    with pytest.raises(UserError, match="has no argument 'normalise_features'.*Did you mean 'normalize_features'"):
        build_preset(f"graph/{name}", normalise_features=False, **NEEDED.get(name, {}))


def test_a_key_added_on_the_command_line_is_rejected_too():
    config = compose(["task=graph", "data=graph/synthetic", "+data.seeed=1"])
    with pytest.raises(UserError, match="has no argument 'seeed'.*Did you mean 'seed'"):
        instantiate(config["data"], "data")
