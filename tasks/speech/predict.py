"""``attn predict`` for speech: recordings in; text, confidence, and when each word was said out."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from suite.draw.speech import draw_alignment
from suite.errors import UserError
from tasks.speech import features as frontends
from tasks.speech import normalize as normalisers
from tasks.speech.batch import SpeechBatch
from tasks.speech.models.recognizer import Recogniser
from tasks.speech.recordings import cut_at_pauses, notes_of
from tasks.speech.search.align import align
from tasks.speech.search.beam import BeamSearch, Hypothesis
from tasks.speech.sound import SUFFIXES
from tasks.speech.units import EOS

FORMS = (*SUFFIXES, ".mfc")


class Word(NamedTuple):
    """A word, when it was said in seconds, and the mean probability of its units there."""

    word: str
    start: float
    end: float
    confidence: float


class Transcriber:
    """Reads recordings and writes them down.

    Args:
        net: a trained network of this task.
        facts: what its checkpoint knows of the data: front end, normaliser, units.
        search: finds the text.
        max_seconds: a longer recording is cut into pieces of at most so long, at its quietest moments.
        batch_size: pieces that are read at once.
        pictures: a folder for pictures of the attention, one a recording; None for none.
    """

    def __init__(
        self,
        net: Recogniser,
        facts: Mapping[str, Any],
        search: BeamSearch,
        max_seconds: float = 20.0,
        batch_size: int = 8,
        pictures: str | None = None,
    ) -> None:
        if max_seconds <= 0 or batch_size < 1:
            raise UserError(
                f"predict.max_seconds={max_seconds} must be above 0 and predict.batch_size={batch_size} at least 1"
            )
        self.net, self.search = net.eval(), search
        self.frontend = frontends.from_facts(facts["frontend"])
        self.normaliser = normalisers.from_facts(facts["normaliser"])
        self.max_seconds, self.batch_size = max_seconds, batch_size
        self.pictures = Path(pictures) if pictures else None

    def read(self, path: str) -> Iterator[Path]:
        """The recordings: a file, all of a folder, or with ``-`` the paths that standard input lists, one a line.

        Raises UserError for a folder without any.
        """
        if path == "-":
            yield from (Path(line.strip()) for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            found = sorted(file for file in Path(path).rglob("*") if file.suffix.lower() in FORMS)
            if not found:
                raise UserError(f"input={path} holds no recording; a name should end in one of {', '.join(FORMS)}")
            yield from found
        else:
            yield Path(path)

    def predict(self, records: Iterable[Path]) -> Iterator[dict[str, Any]]:
        """For every recording: text, confidence, seconds, words with their times, and notes on what is unusual."""
        for path in records:
            yield self._transcribe(path)

    def _transcribe(self, path: Path) -> dict[str, Any]:
        recording = self.frontend.read(str(path))
        notes, silent = notes_of(path, recording, self.frontend)
        told: dict[str, Any] = {"audio": str(path)}
        if silent:
            return {**told, "text": "", "confidence": 1.0, "words": [], "notes": notes}
        pieces = cut_at_pauses(recording, self.frontend, self.max_seconds)
        if len(pieces) > 1:
            notes.append(f"longer than {self.max_seconds:g} s: read in {len(pieces)} pieces, cut at quiet moments")
        read = [
            one
            for at in range(0, len(pieces), self.batch_size)
            for one in self._read(pieces[at : at + self.batch_size])
        ]
        words = [word for found, _ in read for word in found]
        confidences = [confidence for _, confidence in read]
        if self.pictures:
            self._draw(path, pieces[0])
        return {
            **told,
            "text": " ".join(word.word for word in words),
            "confidence": round(float(np.prod(confidences)), 4),
            "words": [{**word._asdict(), "confidence": round(word.confidence, 4)} for word in words],
            "notes": notes,
        }

    @torch.no_grad()
    def _read(self, pieces: Sequence["tuple[float, np.ndarray]"]) -> Iterator[tuple[list[Word], float]]:
        """Words of some pieces, each with the share that its text has of all that the search found."""
        batch = SpeechBatch.of([self._features(samples) for _, samples in pieces])
        encoded = self.net.encode(batch.features, batch.lengths)
        log_probs = self.net.ctc_log_probs(encoded)
        found = self.search(self.net, encoded)
        for number, (start, _) in enumerate(pieces):
            texts = found[number] or [Hypothesis([], 0.0)]
            share = torch.tensor([one.score for one in texts]).softmax(dim=0)[0]
            yield self._words(texts[0].units, log_probs[number, : encoded.lengths[number]], start), float(share)

    def _words(self, units: list[int], log_probs: Tensor, start: float) -> list[Word]:
        """The words that some units make, with the times of CTC's best path for them."""
        spans = align(log_probs, units)
        position = int(self.net.encoder.factor) / self.frontend.frames_per_second  # type: ignore[arg-type]
        words = []
        for members in self.net.units.words(units):
            text = self.net.units.decode([units[place] for place in members])
            if not spans:  # nothing can be aligned: too many units for the positions
                words.append(Word(text, round(start, 3), round(start + len(log_probs) * position, 3), 0.0))
                continue
            first, last = spans[members[0]], spans[members[-1]]
            sure = float(np.mean([spans[place].probability for place in members]))
            begin, end = (round(start + place * position, 3) for place in (first.start, last.end))
            words.append(Word(text, begin, end, sure))
        return words

    def _features(self, samples: np.ndarray) -> Tensor:
        return self.normaliser(self.frontend.features(samples))

    @torch.no_grad()
    def _draw(self, path: Path, piece: tuple[float, np.ndarray]) -> None:
        """The picture of a recording, of its first piece where it has several."""
        assert self.pictures
        figure = draw_attention_of(self.net, self.search, self._features(piece[1]), self.frontend.frames_per_second)
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
            figure.savefig(self.pictures / f"{path.stem}.png", dpi=120)
        except OSError as error:
            raise UserError(f"predict.pictures={self.pictures} cannot be written to: {error.strerror}") from error


@torch.no_grad()
def draw_attention_of(net: Recogniser, search: BeamSearch, features: Tensor, frames_per_second: float) -> Any:
    """A figure of what the decoder looked at while it wrote the best text of one utterance, features (T, F)."""
    encoded = net.encode(features[None], torch.tensor([len(features)]))
    units = search(net, encoded)[0][0].units
    weights = net.decoder.weights(torch.tensor([[EOS, *units]]), net.decoder.remember(encoded))[0]  # type: ignore[operator]
    names = [net.units.names[unit] for unit in units] + ["end"]
    return draw_alignment(features, weights, names, len(features) / frames_per_second, net.units.decode(units))
