"""Word vectors from a file, for the initial weights of an embedding."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from suite.errors import UserError


def read_vectors(path: Path, vocabulary: Sequence[str], width: int) -> tuple[Tensor, Tensor]:
    """Return indices into ``vocabulary`` (N,) and vectors (N, width) of the words that the file contains.

    The file is text, perhaps compressed by gzip, in the form of GloVe and word2vec: ``word number number ...`` on each
    line, perhaps after a line with the two sizes. Only the vectors of words in ``vocabulary`` are parsed. The first
    line of a word counts.

    Raises UserError with file and line for a missing file, vectors of another width and values that are not numbers.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    found: dict[int, np.ndarray] = {}
    try:
        with _opened(path) as stream:
            for row, line in enumerate(stream, start=1):
                cells = line.rstrip().split(b" ")
                if row == 1 and len(cells) == 2:
                    continue  # the sizes, in the form of word2vec
                word = b" ".join(cells[: len(cells) - width]).decode("utf-8", "replace")  # some of GloVe contain spaces
                if len(cells) <= width:
                    raise UserError(
                        f"{path}, line {row}: {len(cells) - 1} numbers after the word, but model.embed_dim={width}; "
                        "set model.embed_dim to the width of the vectors"
                    )
                if (number := numbers.get(word)) is not None and number not in found:
                    found[number] = _parsed(cells[-width:], path, row)
    except OSError as error:
        raise UserError(f"module.vectors={path} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UserError(f"{path} has no vector of any of the {len(numbers)} words of the vocabulary")
    order = sorted(found)
    return torch.tensor(order), torch.from_numpy(np.stack([found[number] for number in order]))


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _parsed(cells: list[bytes], path: Path, row: int) -> np.ndarray:
    try:
        return np.array(cells, dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path}, line {row}: the vector has a value that is not a number ({error})") from error
