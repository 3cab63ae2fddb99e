"""Word vectors from a file."""

import gzip
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module, build_trainer
from tasks.documents.vectors import read_vectors

WORDS = ["the", "film", "odd", "New York"]
GLOVE = "film 1 2 3\nunheard 4 5 6\nNew York 7 8 9e-1\nfilm 0 0 0\n"


@pytest.mark.parametrize("sizes", ["", "4 3\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_known_words_are_read(tmp_path: Path, sizes: str, name: str) -> None:
    content = (sizes + GLOVE).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    numbers, vectors = read_vectors(tmp_path / name, WORDS, 3)
    assert numbers.tolist() == [1, 3]
    assert vectors.tolist() == [[1, 2, 3], [7, 8, pytest.approx(0.9)]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("film 1 2\n", "line 1: a word and 2 numbers, but the model has model.embed_dim=3"),
        ("odd 1 2 3\nfilm 1 x 3\n", "line 2: a vector holds what is no number"),
        ("cat 1 2 3\n", "a vector for none of the 4 words"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "v.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        read_vectors(tmp_path / "v.txt", WORDS, 3)


def test_training_begins_from_them(tmp_path: Path) -> None:
    """With a rate of nothing, the embedding ends as the file has it, and as it was made elsewhere."""
    (tmp_path / "v.txt").write_text("superb " + " ".join(["0.25"] * 7) + "\n")
    synthetic = ["task=documents", "data=documents/synthetic", "model.embed_dim=7", "optim.lr=0", "debug=one_pass"]
    config = compose([*synthetic, f"module.vectors={tmp_path / 'v.txt'}", "trainer=cpu"])
    data = build_data(config)
    module = build_module(config, data.facts())
    before = module.net.embedding.weight.detach().clone()
    build_trainer(config).fit(module, datamodule=data)
    after = module.net.embedding.weight.detach()
    row = data.facts()["vocabulary"].index("superb") + 1
    assert torch.equal(after[row], torch.full((7,), 0.25))
    before[row] = 0.25
    assert torch.equal(after, before)


def test_a_model_without_one_embedding_says_so(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("superb 1 2\n")
    config = compose(["task=documents", "data=documents/synthetic", "model=documents/evidence"])
    data = build_data(config)
    module = build_module(config, data.facts())
    with pytest.raises(UserError, match="needs a model with one embedding"):
        module.begin_from(tmp_path / "v.txt", data.facts()["vocabulary"])
