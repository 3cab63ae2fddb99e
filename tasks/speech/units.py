"""What a recogniser writes: characters, words or pieces of words, as numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from suite.errors import UserError, did_you_mean

BLANK, EOS, UNKNOWN = 0, 1, 2  # CTC's blank, which also pads; start and end of a text; what training never saw
SPECIAL = ("<blank>", "<eos>", "<unk>")


class Units:
    """A vocabulary of the training texts: special units first, then its own in order.

    Subclasses say how a text falls into units and how units become a text again.
    """

    kind: ClassVar[str] = ""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def learn(cls, texts: Iterable[str]) -> "Units":
        """The units of some texts."""
        return cls([*SPECIAL, *sorted({unit for text in texts for unit in cls.cut(text)})])

    @staticmethod
    def cut(text: str) -> list[str]:
        """A text as its units."""
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's units; what is not in the vocabulary is ``UNKNOWN``."""
        return [self._numbers.get(unit, UNKNOWN) for unit in self.cut(text)]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers, special units left out."""
        raise NotImplementedError

    def words(self, numbers: Sequence[int]) -> list[list[int]]:
        """Which places of ``numbers`` make each word."""
        raise NotImplementedError

    def own(self, numbers: Iterable[int]) -> list[str]:
        """The names of the units that are not special."""
        return [self.names[number] for number in numbers if number >= len(SPECIAL)]

    def unknown(self, text: str) -> list[str]:
        """The units of a text that the vocabulary does not have."""
        return sorted({unit for unit in self.cut(text) if unit not in self._numbers})

    def facts(self) -> dict[str, Any]:
        """Plain values that make these units again with ``from_facts``."""
        return {"kind": self.kind, "names": self.names}


class Characters(Units):
    """Every character, the blank between words too."""

    kind = "characters"

    @staticmethod
    def cut(text: str) -> list[str]:  # noqa: D102
        return list(" ".join(text.split()))

    def decode(self, numbers: Iterable[int]) -> str:  # noqa: D102
        return " ".join("".join(self.own(numbers)).split())

    def words(self, numbers: Sequence[int]) -> list[list[int]]:  # noqa: D102
        groups: list[list[int]] = [[]]
        for place, number in enumerate(numbers):
            if self.names[number] == " ":
                groups.append([])
            elif number >= len(SPECIAL):
                groups[-1].append(place)
        return [group for group in groups if group]


class Words(Units):
    """Whole words."""

    kind = "words"

    @staticmethod
    def cut(text: str) -> list[str]:  # noqa: D102
        return text.split()

    def decode(self, numbers: Iterable[int]) -> str:  # noqa: D102
        return " ".join(self.own(numbers))

    def words(self, numbers: Sequence[int]) -> list[list[int]]:  # noqa: D102
        return [[place] for place, number in enumerate(numbers) if number >= len(SPECIAL)]


KINDS: dict[str, type[Units]] = {kind.kind: kind for kind in (Characters, Words)}


def learn(kind: str, texts: Sequence[str], size: int) -> Units:
    """The units of the training texts: ``characters``, ``words``, or ``subwords``, of which there are ``size``."""
    if kind == "subwords":
        from tasks.speech.subwords import Subwords

        return Subwords.train(texts, size)
    if kind not in KINDS:
        raise UserError(f"data.units={kind} is not known.{did_you_mean(kind, [*KINDS, 'subwords'])}")
    return KINDS[kind].learn(texts)


def from_facts(facts: Mapping[str, Any]) -> Units:
    """The units that a checkpoint remembers."""
    if facts["kind"] == "subwords":
        from tasks.speech.subwords import Subwords

        return Subwords(facts["names"], facts["model"])
    return KINDS[facts["kind"]](facts["names"])
