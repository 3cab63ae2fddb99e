"""The UCI sentences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.data.source import Source
from suite.errors import UserError
from tasks.documents.data import DocumentsData
from tasks.documents.readers.uci_sentences import FILES, UciSentences

SOURCE = Source("uci_sentences", "uci", dict.fromkeys(FILES.values()))


def reader(folder: Path, content: str, *sites: str) -> UciSentences:
    (folder / "uci").mkdir()
    for name in FILES.values():
        (folder / "uci" / name).write_text(content, encoding="utf-8")
    return UciSentences(SOURCE, sites or ("yelp", "amazon"))


def test_the_label_is_after_the_last_tab(tmp_path: Path) -> None:
    one = reader(tmp_path, "a\tb \x85 c\t1\nbad\t0\n")
    found = list(one.read(one.resolve(tmp_path)))
    assert [text[:2] for text in found] == [("a\tb \x85 c", "positive"), ("bad", "negative")] * 2
    assert found[0].place.endswith("amazon_cells_labelled.txt, line 1")
    assert one.options() == {"sites": "amazon,yelp"}


def test_a_line_of_another_form_raises(tmp_path: Path) -> None:
    one = reader(tmp_path, "good\t1\nbad 0\n", "imdb")
    with pytest.raises(UserError, match="imdb_labelled.txt, line 2: expected TEXT, a tab, and 0 or 1"):
        list(one.read(one.resolve(tmp_path)))


@pytest.mark.parametrize("sites", [[], ["google"]])
def test_unknown_sites_raise(sites: list[str]) -> None:
    with pytest.raises(UserError, match="data.sites must be some of amazon, imdb, yelp"):
        UciSentences(SOURCE, sites)


def test_the_real_data_have_their_published_size(real: Callable[..., DocumentsData]) -> None:
    data = real("uci_sentences")
    assert (len(data.corpus), data.facts()["class_names"]) == (3000, ["negative", "positive"])
    assert np.unique(data.corpus.labels, return_counts=True)[1].tolist() == [1500, 1500]
    assert len(real("uci_sentences", "data.sites=[amazon,yelp]").corpus) == 2000
