"""Word vectors from a file."""

import gzip
from pathlib import Path

import pytest

from suite.errors import UserError
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
        ("film 1 2\n", "line 1: 2 numbers after the word, but model.embed_dim=3"),
        ("odd 1 2 3\nfilm 1 x 3\n", "line 2: the vector has a value that is not a number"),
        ("cat 1 2 3\n", "no vector of any of the 4 words"),
        (None, "cannot be read: No such file"),
    ],
)
def test_wrong_files_are_named_with_the_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "v.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        read_vectors(tmp_path / "v.txt", WORDS, 3)
