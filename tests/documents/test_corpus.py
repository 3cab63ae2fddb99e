"""The arrays of a corpus."""

import pytest

from suite.errors import UserError
from tasks.documents.corpus import Corpus, tokenise
from tasks.documents.labelled_text import LabelledText

TEXTS = [
    LabelledText("One two. One!", "a", "row 1", "train", "x"),
    LabelledText("", "b", "row 2", "test"),
    LabelledText("two two two", "a", "row 3"),
]


def test_words_sentences_and_documents_are_offsets() -> None:
    corpus = Corpus.of(tokenise(TEXTS, max_words=5, max_sentence=2))
    assert corpus.lexicon == ["one", "two", ".", "!"]
    assert corpus.words.tolist() == [0, 1, 2, 0, 3, 1, 1, 1]
    assert corpus.sentences.tolist() == [0, 2, 3, 5, 7, 8]
    assert corpus.documents.tolist() == [0, 3, 3, 5]
    assert corpus.word_offsets.tolist() == [0, 5, 5, 8]
    assert (corpus.labels.tolist(), corpus.stated.tolist()) == (["a", "b", "a"], ["train", "test", ""])
    assert (corpus.groups.tolist(), corpus.places.tolist()) == (["x", "", ""], ["row 1", "row 2", "row 3"])


def test_truncated_documents_and_equal_texts_are_found() -> None:
    corpus = Corpus.of(tokenise([*TEXTS, TEXTS[0]], max_words=2, max_sentence=10))
    assert corpus.truncated.tolist() == [0, 2, 3]
    assert corpus.digests[0] == corpus.digests[3] != corpus.digests[2]


def test_the_content_hash_depends_on_words_and_labels_only() -> None:
    def content_hash(texts: list[LabelledText]) -> str:
        return Corpus.of(tokenise(texts, 10, 10)).content_hash()

    assert content_hash(TEXTS) == content_hash([text._replace(place="p", group="g", split="") for text in TEXTS])
    assert content_hash(TEXTS) != content_hash([text._replace(label="c") for text in TEXTS])
    assert content_hash(TEXTS) != content_hash([text._replace(text=text.text + " x") for text in TEXTS])


def test_no_document_raises() -> None:
    with pytest.raises(UserError, match="The files contain no document"):
        tokenise([], 10, 10)
