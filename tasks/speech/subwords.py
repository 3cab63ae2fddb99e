"""Subword units of a sentencepiece unigram model, trained on the training transcripts (Kudo & Richardson 2018)."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

from suite.errors import UserError
from tasks.speech.units import SPECIAL, Units

WORD_START = "\u2581"  # sentencepiece marks the first unit of a word with it


class Subwords(Units):
    """Units of a sentencepiece unigram model.

    Args:
        names: all units, special units first.
        model: the serialized sentencepiece model in base64; part of the facts of a checkpoint.
    """

    kind = "subwords"

    def __init__(self, names: Sequence[str], model: str) -> None:
        super().__init__(names)
        self.model = model
        self._processor = _processor(base64.b64decode(model))

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> "Subwords":
        """Train a model with at most ``size`` units on some texts.

        Raises UserError where the texts do not allow a model of this size.
        """
        import sentencepiece

        stream = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(texts), model_writer=stream, vocab_size=size, model_type="unigram",
                character_coverage=1.0, bos_id=-1, eos_id=-1, hard_vocab_limit=False, minloglevel=2, num_threads=1,
            )  # fmt: skip
        except RuntimeError as error:
            raise UserError(
                f"data.num_subwords={size} does not fit the training transcripts: {error}. Choose another number, or "
                "data.units=characters"
            ) from error
        processor = _processor(stream.getvalue())
        names = [processor.id_to_piece(n) for n in range(processor.get_piece_size())]
        model = base64.b64encode(stream.getvalue()).decode()
        return cls([*SPECIAL, *(name for name in names if name != "<unk>")], model)

    def split(self, text: str) -> list[str]:  # type: ignore[override]
        units: list[str] = self._processor.encode(text, out_type=str)
        return units

    def decode(self, numbers: Iterable[int]) -> str:
        return " ".join("".join(self._regular_names(numbers)).replace(WORD_START, " ").split())

    def words(self, numbers: Sequence[int]) -> list[list[int]]:
        groups: list[list[int]] = []
        for place, number in enumerate(numbers):
            if number < len(SPECIAL) or self.names[number] == WORD_START:
                continue
            before = self.names[numbers[place - 1]] if place else WORD_START
            if self.names[number].startswith(WORD_START) or before == WORD_START or not groups:
                groups.append([])
            groups[-1].append(place)
        return groups

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "model": self.model}


def _processor(model: bytes) -> Any:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=model)
