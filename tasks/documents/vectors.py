"""Word vectors from a file: what an embedding may begin from."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from suite.errors import UserError


def read_vectors(path: Path, vocabulary: Sequence[str], width: int) -> tuple[Tensor, Tensor]:
    """Numbers (N,) into ``vocabulary``, from 0, and their vectors (N, width), for the words that the file has.

    The file is text, or text within gzip, as GloVe's and word2vec's: ``word number number ...`` a line, perhaps after
    a line with the two sizes. Only rows of known words are parsed, so a large file costs what reading it costs. Where a
    word stands twice, the first row holds.

    Raises UserError naming the file and the line for a missing file, another width and what is no number.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    found: dict[int, np.ndarray] = {}
    try:
        with _opened(path) as stream:
            for place, line in enumerate(stream, start=1):
                cut = line.rstrip().split(b" ")
                if place == 1 and len(cut) == 2:
                    continue  # the sizes, in word2vec's form
                word = b" ".join(cut[: len(cut) - width]).decode("utf-8", "replace")  # a few of GloVe's hold spaces
                if len(cut) <= width:
                    raise UserError(
                        f"{path}, line {place}: a word and {len(cut) - 1} numbers, but the model has "
                        f"model.embed_dim={width}. Set it to the width of the vectors"
                    )
                if (number := numbers.get(word)) is not None and number not in found:
                    found[number] = _parsed(cut[-width:], path, place)
    except OSError as error:
        raise UserError(f"module.vectors={path} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UserError(f"{path} has a vector for none of the {len(numbers)} words of the vocabulary")
    order = sorted(found)
    return torch.tensor(order), torch.from_numpy(np.stack([found[number] for number in order]))


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _parsed(cells: list[bytes], path: Path, place: int) -> np.ndarray:
    try:
        return np.array(cells, dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path}, line {place}: a vector holds what is no number ({error})") from error
