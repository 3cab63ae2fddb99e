"""Graphs in Planetoid's format: local files, a URL and PyG give the same graph."""

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

from suite.data.resolve import resolve
from suite.data.splits import SPLITS
from suite.errors import UserError
from tasks.graph.readers.planetoid import Planetoid, own_source
from tests.graph.pyg_graphs import assert_equal_to_pyg
from tests.presets import build_preset

CORA = "e10d5048b64437fec91bc1d430dd0f7edcc9a7e460e96ed9299cccb2767c1d4c"
CORA_SPLIT = "16e855521a22da4e4b26fba8fca8df45d222a145099314f49f13234cbd21a0cb"
CLOSED = "http://127.0.0.1:9/{file}"


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
    assert [len(getattr(graph, name)) for name in SPLITS] == [140, 500, 1000]
    assert graph.class_names is not None
    assert graph.class_names[3] == "Neural_Networks"
    assert graph.content_hash() == CORA
    assert graph.split_hash() == CORA_SPLIT


def test_cora_from_its_url_is_the_same(cora: Planetoid, served: str, tmp_path: Path):
    cora.source = replace(cora.source, url=served, wheel=None)
    files = cora.resolve(tmp_path)
    assert files.origin.startswith("http://127.0.0.1")
    assert cora.read(files).content_hash() == CORA


def test_cora_from_the_cache_is_the_same(cora: Planetoid, data_dir: Path, tmp_path: Path):
    for _ in range(2):
        assert cora.read(cora.resolve(data_dir)).content_hash() == CORA
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_cora_equals_what_pyg_reads(cora: Planetoid, data_dir: Path, pyg):
    data = pyg.io.read_planetoid_data(str(data_dir / "planetoid/Cora/raw"), "cora")
    graph = cora.read(cora.resolve(data_dir))
    assert_equal_to_pyg(graph, data)
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(graph, name).numpy(), np.flatnonzero(data[f"{name}_mask"]))


def write_planetoid(folder: Path, name: str, test_index: list[int], edges, num_known: int = 9) -> None:
    """Write a small graph in Planetoid's format: 4 classes, 6 features, 4 training nodes, ``num_known`` in allx."""
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
    """Citeseer's test.index has gaps: PyG gives such nodes zeros and, the label 0."""
    raw = tmp_path / "planetoid/citeseer/raw"
    edges = {0: [1, 514], 1: [0], 514: [0, 514], 509: [512], 512: [509, 509]}
    write_planetoid(raw, "citeseer", [514, 509, 512, 511], edges, num_known=509)
    reader = Planetoid("citeseer", own_source("citeseer"))
    graph = reader.read(reader.resolve(tmp_path))
    assert graph.num_nodes == 515
    assert graph.labels[[510, 513]].tolist() == [-1, -1]
    assert graph.test.tolist() == [509, 511, 512, 514]
    data = pyg.io.read_planetoid_data(str(raw), "citeseer")
    assert_equal_to_pyg(replace(graph, labels=graph.labels.clamp(min=0)), data)


def test_a_users_own_planetoid_files_are_read_by_name(tmp_path: Path):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", [10, 9], {0: [10], 10: [0]})
    data = build_preset("graph/planetoid", name="Mine", dir=tmp_path)
    assert data.facts()["num_features"] == 6
    assert data.facts()["class_names"] == ["0", "1", "2", "3"]
    found = data.provenance()
    assert found["origin"] == "local files"
    assert len(found["sha256"]) == 8


@pytest.mark.parametrize(
    ("index", "edges", "message"),
    [
        ([10, 9], {0: [99]}, r"Edge 0 \(0 -> 99\) points outside the graph"),
        ([3, 9], {0: [1]}, "do not fit together: test.index names node 3, which is in allx"),
        ([9, 9], {0: [1]}, "Node 9 is in the split twice"),
        ([10, 9], {0: ["a"]}, "do not fit together"),
        ([10, 9], [[1]], "do not fit together"),
    ],
)
def test_files_that_are_not_a_graph_raise_an_error(tmp_path: Path, index: list, edges, message: str):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", index, edges)
    reader = Planetoid("Mine")
    with pytest.raises(UserError, match=message):
        reader.read(reader.resolve(tmp_path))


def test_the_error_for_a_wrong_test_index_names_its_line(tmp_path: Path):
    write_planetoid(tmp_path / "planetoid/Mine/raw", "mine", [10, 9], {0: [1]})
    (tmp_path / "planetoid/Mine/raw/ind.mine.test.index").write_text("10\nnine\n")
    with pytest.raises(UserError, match="line 2: b'nine'"):
        build_preset("graph/planetoid", name="Mine", dir=tmp_path).setup()


def test_a_planted_file_is_rejected_before_it_is_unpickled(cora: Planetoid, data_dir: Path, tmp_path: Path):
    shutil.copytree(data_dir / "planetoid/Cora/raw", tmp_path / "planetoid/Cora/raw")
    planted = tmp_path / "planetoid/Cora/raw/ind.cora.graph"
    planted.chmod(0o644)
    planted.write_bytes(f"cposix\nsystem\n(S'touch {tmp_path}/canary'\ntR.".encode())
    with pytest.raises(UserError, match="not the published file"):
        cora.resolve(tmp_path)
    unrecorded = Planetoid("Cora", own_source("Cora"))  # no hash to compare with: the reader rejects the content
    with pytest.raises(UserError, match=r"ind\.cora\.graph was refused: this pickle asks for posix\.system"):
        unrecorded.read(unrecorded.resolve(tmp_path))
    assert not (tmp_path / "canary").exists()


def test_missing_cora_without_network_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    reader = build_preset("graph/cora").reader
    assert isinstance(reader, Planetoid)
    with pytest.raises(
        UserError, match=r"(?s)1\. files in.*2\. http.*no connection.*3\. graphdatascience==2\.2.*data\.dir="
    ):
        resolve(replace(reader.source, url=CLOSED), tmp_path)
