"""Predictions for nodes: known and new nodes, attention, pictures, evaluation on a file."""

import json
from pathlib import Path

import numpy as np
import pytest

import suite
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.run.launch import launch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph") / "run"
    launch(compose(["task=graph", "data=graph/synthetic", "trainer.max_steps=20", f"run_dir={folder}"]))
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> suite.Model:
    return suite.load(run)


def test_a_known_node_has_label_probabilities_and_its_largest_weights(model: suite.Model) -> None:
    answers = model.predict([0, "7"])
    assert [answer["node"] for answer in answers] == ["0", "7"]
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
        assert len(answer["attended"]) <= 5
    graph = model.data.graph
    assert answers[0]["known_label"] == str(int(graph.labels[0]))


def test_predictions_equal_those_of_the_module(model: suite.Model) -> None:
    batch = model.data.batch
    probabilities = model.net(batch.features, batch.edges).logits.softmax(-1)
    for answer, wanted in zip(model.predict(range(61)), probabilities.tolist(), strict=True):
        assert list(answer["probabilities"].values()) == pytest.approx(wanted, abs=1e-6)


def test_a_new_node_with_the_features_and_neighbors_of_a_known_node_is_predicted_like_it(model: suite.Model) -> None:
    graph = model.data.graph
    known = 5
    neighbors = graph.edge_index[0][graph.edge_index[1] == known].tolist()
    features = (graph.features.to_dense()[known] > 0).float().tolist()
    twin = {"id": "twin", "features": features, "neighbors": neighbors}
    # the hidden state of the twin is that of the node, so the answers are equal
    new, old = model.predict([twin, known])
    assert list(new["probabilities"].values()) == pytest.approx(list(old["probabilities"].values()), abs=1e-5)
    assert new["known_label"] is None


def test_new_nodes_do_not_change_known_nodes(model: suite.Model) -> None:
    alone = model.predict([3])[0]
    new = {"id": "new", "features": {"0": 1, "4": 2}, "neighbors": [3, 4]}
    assert model.predict([3, new])[0]["probabilities"] == pytest.approx(alone["probabilities"])


def test_attention_weights_sum_to_1_over_the_edges_into_the_node(model: suite.Model) -> None:
    (weights,) = model.attention([4])
    assert set(weights) == {"hidden", "output"}
    for layer, heads in (("hidden", 8), ("output", 1)):
        found = weights[layer]
        assert [axis.kind for axis in found.axes] == ["heads", "edges"]
        assert found.weights.shape[0] == heads
        np.testing.assert_allclose(found.weights.sum(axis=1), 1, rtol=1e-5)
        assert found.axes[1].coordinates is not None
        assert set(found.axes[1].coordinates[:, 1].tolist()) == {4}


def test_a_picture_is_a_png_named_after_the_node(model: suite.Model, tmp_path: Path) -> None:
    (picture,) = model.draw([4])
    assert picture.save(tmp_path).read_bytes().startswith(b"\x89PNG")
    assert picture.file_name == "4.png"


def test_files_of_nodes_are_read_and_evaluated(model: suite.Model, tmp_path: Path) -> None:
    test = model.data.graph.test.tolist()
    labels = model.data.graph.labels.tolist()
    table = tmp_path / "nodes.csv"
    table.write_text("id,label,other\n" + "".join(f"{node},{labels[node]},x\n" for node in test))
    assert [answer["node"] for answer in model.predict(str(table))] == list(map(str, test))
    found = model.evaluate(table)
    assert found["accuracy"] == model.evaluate("test")["test/accuracy"]
    lines = tmp_path / "nodes.jsonl"
    lines.write_text(json.dumps({"id": "new", "features": [0.0] * 37, "neighbors": [1]}) + "\n")
    assert model.predict(lines)[0]["node"] == "new"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("nobody", "node 'nobody' is not in the graph; a new node needs features and neighbors"),
        ({"id": "0", "features": [1.0] * 37}, "node '0' is already in the graph"),
        ({"id": "new", "features": {"99": 1}}, r"feature 99 is outside 0\.\.36"),
        (
            {"id": "new", "features": [1.0] * 37, "neighbors": ["x"]},
            "the neighbor 'x' is neither in the graph nor",
        ),
        ({"id": "new", "neighbors": ["1"]}, "has neighbors but no features"),
        ({"id": "new", "features": ["a"]}, "features must be numbers"),
        ({"id": "new", "features": [float("nan")]}, "features must be finite numbers"),
        ({"name": "new"}, "expected an id"),
        (1.5, "expected an id"),
    ],
)
def test_a_record_that_cannot_be_used_raises_an_error(model: suite.Model, record: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model.predict([record])


def test_a_label_that_is_not_a_class_raises_an_error(model: suite.Model, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,label\n0,9\n")
    with pytest.raises(UserError, match=r"a\.csv, line 2: the label '9' must be one of 0, 1, 2"):
        model.evaluate(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("node,label\n0,1\n")
    with pytest.raises(UserError, match="there is no column 'id'"):
        model.predict(tmp_path / "b.csv")


def test_top_edges_is_checked(run: Path) -> None:
    with pytest.raises(UserError, match="predict.top_edges must be at least 0, got -1"):
        suite.load(run, "predict.top_edges=-1").predict([0])
