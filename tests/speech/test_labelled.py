"""Labelled recordings of a user become batches with targets."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.speech.features import LogMel
from tasks.speech.labelled import read_labelled
from tasks.speech.normalize import UtteranceNormalizer
from tasks.speech.units import UNKNOWN, Words

UNITS = Words.learn(["so it is"])


def read(path: Path) -> list[tuple[tuple[str, ...], list[list[int]]]]:
    batches = read_labelled(path, LogMel(8000, 8), UtteranceNormalizer(), UNITS, batch_size=2)
    return [(batch.texts, batch.targets.tolist()) for batch in batches]


def test_a_list_and_a_folder_give_the_same_batches(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    texts = ["so it is", "it", "is new"]
    for number in range(3):
        write_sound(f"1-{number}.wav", 0.1 * np.sin(np.arange(900 + 100 * number)))
    (tmp_path / "1.trans.txt").write_text("".join(f"1-{n} {text}\n" for n, text in enumerate(texts)))
    lines = [json.dumps({"audio": f"1-{n}.wav", "text": text}) for n, text in enumerate(texts)]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    found = read(tmp_path)
    assert found == read(tmp_path / "list.jsonl")
    assert found == [(("so it is", "it"), [[5, 4, 3], [4, 0, 0]]), (("is new",), [[3, UNKNOWN]])]


def test_an_empty_list_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text("\n")
    with pytest.raises(UserError, match=r"list\.jsonl lists no recording"):
        read(tmp_path / "list.jsonl")
