"""Pieces of words by sentencepiece (Kudo & Richardson 2018), trained on the training transcripts."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

from suite.errors import UserError
from tasks.speech.units import SPECIAL, Units

START = "\u2581"  # sentencepiece's mark of a word's first piece


class Subwords(Units):
    """A unigram model over pieces; the model itself travels in the facts."""

    kind = "subwords"

    def __init__(self, names: Sequence[str], model: str) -> None:
        super().__init__(names)
        self.model = model
        self._processor = _library().SentencePieceProcessor(model_proto=base64.b64decode(model))

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> "Subwords":
        """``size`` pieces of some texts; raises UserError where they do not have so many."""
        stream = io.BytesIO()
        try:
            _library().SentencePieceTrainer.train(
                sentence_iterator=iter(texts), model_writer=stream, vocab_size=size, model_type="unigram",
                character_coverage=1.0, bos_id=-1, eos_id=-1, hard_vocab_limit=False, minloglevel=2, num_threads=1,
            )  # fmt: skip
        except RuntimeError as error:
            raise UserError(f"data.num_subwords={size} cannot be made of the transcripts: {error}") from error
        model = base64.b64encode(stream.getvalue()).decode()
        processor = _library().SentencePieceProcessor(model_proto=stream.getvalue())
        pieces = [processor.id_to_piece(n) for n in range(processor.get_piece_size())]
        return cls([*SPECIAL, *(piece for piece in pieces if piece != "<unk>")], model)

    def cut(self, text: str) -> list[str]:  # type: ignore[override]  # noqa: D102
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return pieces

    def decode(self, numbers: Iterable[int]) -> str:  # noqa: D102
        return " ".join("".join(self.own(numbers)).replace(START, " ").split())

    def words(self, numbers: Sequence[int]) -> list[list[int]]:  # noqa: D102
        groups: list[list[int]] = []
        for place, number in enumerate(numbers):
            if number < len(SPECIAL) or self.names[number] == START:
                continue
            before = self.names[numbers[place - 1]] if place else START
            if self.names[number].startswith(START) or before == START or not groups:
                groups.append([])
            groups[-1].append(place)
        return groups

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {**super().facts(), "model": self.model}


def _library() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise UserError(
            "data.units=subwords needs sentencepiece, which is not installed; add the extra: pip install -e '.[speech]'"
        ) from error
    return sentencepiece
