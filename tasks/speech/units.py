"""Output units of a recognizer: characters or words, numbered."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

BLANK, EOS, UNKNOWN = 0, 1, 2  # CTC blank, also padding; start and end of a text; units not in the training texts
SPECIAL = ("<blank>", "<eos>", "<unk>")


class Units:
    """A vocabulary of output units. The special units have the numbers 0 to 2.

    A subclass defines how a text is split into units and how units become a text again.
    """

    kind: ClassVar[str] = ""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def learn(cls, texts: Iterable[str]) -> "Units":
        """Return the units of some texts, in sorted order."""
        return cls([*SPECIAL, *sorted({unit for text in texts for unit in cls.split(text)})])

    @staticmethod
    def split(text: str) -> list[str]:
        """Split a text into units."""
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        """Return the numbers of the units of a text; a unit that is not in the vocabulary becomes ``UNKNOWN``."""
        return [self._numbers.get(unit, UNKNOWN) for unit in self.split(text)]

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of some numbers; special units are skipped."""
        raise NotImplementedError

    def words(self, numbers: Sequence[int]) -> list[list[int]]:
        """Return the indices into ``numbers`` that make up each word."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Return plain values for ``vocabulary.units_from_facts``."""
        return {"kind": self.kind, "names": self.names}

    def _regular_names(self, numbers: Iterable[int]) -> list[str]:
        return [self.names[number] for number in numbers if number >= len(SPECIAL)]


class Characters(Units):
    """Single characters, including the space between words.

    >>> Characters.split(" a  b ")
    ['a', ' ', 'b']
    """

    kind = "characters"

    @staticmethod
    def split(text: str) -> list[str]:
        return list(" ".join(text.split()))

    def decode(self, numbers: Iterable[int]) -> str:
        return " ".join("".join(self._regular_names(numbers)).split())

    def words(self, numbers: Sequence[int]) -> list[list[int]]:
        groups: list[list[int]] = [[]]
        for place, number in enumerate(numbers):
            if self.names[number] == " ":
                groups.append([])
            elif number >= len(SPECIAL):
                groups[-1].append(place)
        return [group for group in groups if group]


class Words(Units):
    """Whole words.

    >>> Words.learn(["two one"]).encode("one three")
    [3, 2]
    """

    kind = "words"

    @staticmethod
    def split(text: str) -> list[str]:
        return text.split()

    def decode(self, numbers: Iterable[int]) -> str:
        return " ".join(self._regular_names(numbers))

    def words(self, numbers: Sequence[int]) -> list[list[int]]:
        return [[place] for place, number in enumerate(numbers) if number >= len(SPECIAL)]
