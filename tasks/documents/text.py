"""Sentences and words of a text, by two regular expressions; the result is the same on every machine."""

import re
import zlib
from collections.abc import Iterator

VERSION = "1"  # a part of the cache key: increase it with each change that changes a word
LONGEST_WORD = 64  # characters; longer words are truncated

# A sentence ends at a line break, and after . ! ? and closing quotes unless a lower-case letter follows; not after
# abbreviations of titles and names.
_SENTENCE_END = re.compile(
    r"(?:<br\s*/?>|\n)[\s]*"
    r"|(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bvs\.)"
    r"\s+(?=[^a-z\s])"
)
# A word is a run of letters and digits with inner apostrophes, a run of ! or ? or dots, or one other character.
_WORD = re.compile(r"\w+(?:'\w+)*|!+|\?+|\.+|[^\w\s]")


def sentences(text: str) -> Iterator[str]:
    """Return the sentences of a text, without empty ones.

    >>> list(sentences("Mr. Bean is funny. Very! <br /><br />See it."))
    ['Mr. Bean is funny.', 'Very!', 'See it.']
    """
    return (sentence for sentence in _SENTENCE_END.split(text) if sentence and not sentence.isspace())


def words(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case; punctuation marks are words too.

    >>> words("I didn’t like it... at ALL!!")
    ['i', "didn't", 'like', 'it', '...', 'at', 'all', '!!']
    """
    found: list[str] = _WORD.findall(sentence.lower().replace("’", "'"))
    return found


def char_ngrams(word: str, longest: int) -> list[int]:
    """Return hashes below 2**32 of the distinct character n-grams of a word, for n from 2 to ``longest``.

    The word has the bounds ``<`` and ``>``. With n-grams, a word that training lacks is similar to words that it has
    (Bojanowski et al. 2017, section 3.2). ``longest`` 0 gives none.

    >>> len(char_ngrams("odd", 3))  # <o od dd d> <od odd dd>
    7
    """
    spelled = f"<{word}>"
    found = {spelled[i : i + n] for n in range(2, longest + 1) for i in range(len(spelled) - n + 1)}
    return sorted(zlib.crc32(ngram.encode("utf-8")) for ngram in found)


def document(text: str, max_words: int, max_sentence: int) -> tuple[list[list[str]], bool]:
    """Return the words of each sentence of a text, and whether words after the first ``max_words`` were ignored.

    A sentence of more than ``max_sentence`` words becomes several sentences.
    """
    result: list[list[str]] = []
    remaining = max_words
    for sentence in sentences(text):
        if remaining == 0:
            return result, True
        found = [word[:LONGEST_WORD] for word in words(sentence)]
        truncated = len(found) > remaining
        found = found[:remaining]
        result.extend(found[start : start + max_sentence] for start in range(0, len(found), max_sentence))
        remaining -= len(found)
        if truncated:
            return result, True
    return result, False
