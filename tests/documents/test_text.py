"""Sentences, words and character n-grams."""

import zlib

import pytest

from tasks.documents import text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("It is good. It is bad.", ["It is good.", "It is bad."]),
        ('"Go!" he said. "No." She left.', ['"Go!" he said.', '"No."', "She left."]),
        ("Mr. Bean met Dr. J. Who on St. James. Fine.", ["Mr. Bean met Dr. J. Who on St. James.", "Fine."]),
        ("one<br /><br />two\nthree", ["one", "two", "three"]),
        ("It cost 3.50 e.g. here... and there", ["It cost 3.50 e.g. here... and there"]),
        ("a\u0085b. C", ["a\u0085b.", "C"]),
        ("", []),
        (" \n \t", []),
        ("...", ["..."]),
    ],
)
def test_sentences(given: str, expected: list[str]) -> None:
    found = [sentence.strip() for sentence in text.sentences(given)]
    assert found == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Don't STOP!!! 10/10", ["don't", "stop", "!!!", "10", "/", "10"]),
        ("rock’n’roll 'n' x", ["rock'n'roll", "'", "n", "'", "x"]),
        ("çok güzel 很好", ["çok", "güzel", "很好"]),
        ("  ", []),
    ],
)
def test_words(given: str, expected: list[str]) -> None:
    assert text.words(given) == expected


def test_a_long_document_is_truncated() -> None:
    sentences, truncated = text.document("word " * 100_000, max_words=1_000, max_sentence=30)
    assert (sum(map(len, sentences)), max(map(len, sentences)), truncated) == (1_000, 30, True)
    assert text.document("a b. C d.", max_words=6, max_sentence=30) == ([["a", "b", "."], ["c", "d", "."]], False)
    assert text.document("a b. C d.", max_words=3, max_sentence=30) == ([["a", "b", "."]], True)
    assert text.document("x" * 9_000, max_words=9, max_sentence=9)[0] == [["x" * text.LONGEST_WORD]]


def test_character_ngrams_include_the_bounds_of_the_word() -> None:
    assert text.char_ngrams("a", 0) == []
    assert text.char_ngrams("a", 2) == sorted([zlib.crc32(b"<a"), zlib.crc32(b"a>")])
