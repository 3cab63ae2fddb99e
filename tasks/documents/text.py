"""From a text to its sentences of words: two compiled patterns, the same on every machine."""

import re
import zlib
from collections.abc import Iterator

VERSION = "1"  # part of the cache's key: raise it with every change that changes a word
LONGEST_WORD = 64  # characters; what is longer is no word of a language

# A sentence ends at a line break, and behind . ! ? and closing quotes where no small letter follows; not behind the
# abbreviations of a name.
_SENTENCE_END = re.compile(
    r"(?:<br\s*/?>|\n)[\s]*"
    r"|(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bvs\.)"
    r"\s+(?=[^a-z\s])"
)
# Letters and digits with inner apostrophes are a word, and so is a run of ! ? or dots; any other sign stands alone.
_WORD = re.compile(r"\w+(?:'\w+)*|!+|\?+|\.+|[^\w\s]")


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, in order, without empty ones.

    >>> list(sentences("Mr. Bean is funny. Very! <br /><br />See it."))
    ['Mr. Bean is funny.', 'Very!', 'See it.']
    """
    return (sentence for sentence in _SENTENCE_END.split(text) if sentence and not sentence.isspace())


def words(sentence: str) -> list[str]:
    """The words of a sentence in small letters, with signs as words of their own.

    >>> words("I didn’t like it... at ALL!!")
    ['i', "didn't", 'like', 'it', '...', 'at', 'all', '!!']
    """
    found: list[str] = _WORD.findall(sentence.lower().replace("’", "'"))
    return found


def pieces(word: str, longest: int) -> list[int]:
    """Numbers, below 2**32, of the runs of 2 to ``longest`` characters in a word, its bounds included; each one once.

    They let a word that training lacks resemble those it has (Bojanowski et al. 2017, section 3.2). With ``longest`` 0
    there are none.

    >>> len(pieces("odd", 3))  # <o od dd d> <od odd dd>
    7
    """
    spelled = f"<{word}>"
    found = {spelled[i : i + n] for n in range(2, longest + 1) for i in range(len(spelled) - n + 1)}
    return sorted(zlib.crc32(piece.encode("utf-8")) for piece in found)


def document(text: str, max_words: int, max_sentence: int) -> tuple[list[list[str]], bool]:
    """The words of every sentence of a text, and whether it was cut: at most ``max_words`` in all are kept.

    A sentence of more than ``max_sentence`` words is continued as a new one, so that nothing is lost by it.
    """
    kept: list[list[str]] = []
    room = max_words
    for sentence in sentences(text):
        if room == 0:
            return kept, True
        found = [word[:LONGEST_WORD] for word in words(sentence)]
        cut = len(found) > room
        found = found[:room]
        kept.extend(found[start : start + max_sentence] for start in range(0, len(found), max_sentence))
        room -= len(found)
        if cut:
            return kept, True
    return kept, False
