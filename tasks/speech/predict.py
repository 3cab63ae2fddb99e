"""The predictor of speech: recordings in; text, confidence, and times of the words out."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.attention_weights import AttentionWeights, Axis
from suite.data.tables import ENDINGS, read_rows
from suite.draw.picture import Picture
from suite.draw.speech import draw_alignment
from suite.errors import UserError
from suite.predictor import Predictor
from tasks.speech.batch import SpeechBatch
from tasks.speech.features import frontend_from_facts
from tasks.speech.labelled import read_labelled
from tasks.speech.models.encoder import EncodedSpeech
from tasks.speech.models.recognizer import Recognizer
from tasks.speech.module import SpeechRecognition
from tasks.speech.normalize import normalizer_from_facts
from tasks.speech.readers.manifest import audio_file
from tasks.speech.recordings import Recording, load, split_at_pauses
from tasks.speech.search.beam import BeamSearch, Hypothesis
from tasks.speech.sound import SUFFIXES
from tasks.speech.transcription import RecognizedChunk, Transcription, locate_words
from tasks.speech.units import EOS

FILE_SUFFIXES = (*SUFFIXES, ".mfc")
Chunk = tuple[float, np.ndarray]  # start in seconds, signal


class RecordingPredictor(Predictor[Recording, Transcription]):
    """Recognizes recordings.

    A record is the path of a file, or a pair (samples, rate): samples (N,) or (N, channels) in [-1, 1].

    Args:
        module: trained module of the task.
        facts: what its checkpoint records about the training data: front end, normalizer, units.
        search: finds the text.
        max_seconds: longer recordings are split into chunks of at most this duration, at quiet moments.
        batch_size: number of recordings that are read at once, and of chunks in a forward pass.
        data: see ``Predictor``.

    Raises:
        UserError: for a value out of range.
    """

    def __init__(
        self,
        module: SpeechRecognition,
        facts: Mapping[str, Any],
        *,
        search: BeamSearch,
        max_seconds: float,
        batch_size: int,
        data: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(module, facts, batch_size=batch_size, data=data)
        if max_seconds <= 0:
            raise UserError(f"predict.max_seconds must be above 0, got {max_seconds}")
        self.search, self.max_seconds, self.chunks_per_pass = search, max_seconds, batch_size
        self.recognizer: Recognizer = module.net
        self.frontend = frontend_from_facts(facts["frontend"])
        self.normalizer = normalizer_from_facts(facts["normalizer"])
        self.seconds_per_position = self.recognizer.encoder.factor / self.frontend.frames_per_second

    def read(self, path: str) -> Iterator[Recording]:
        """Yield a recording, all recordings of a folder, or those of a table, whose column ``audio`` has their paths.

        The paths in a table are relative to its folder. For ``-``, standard input has one path on each line. Raises
        UserError for a folder without recordings, and naming the line of a table for a recording that does not exist.
        """
        if path == "-":
            yield from (self.as_record(line.strip()) for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            files = sorted(file for file in Path(path).rglob("*") if file.suffix.lower() in FILE_SUFFIXES)
            if not files:
                raise UserError(f"input={path} contains no recordings; names must end in {', '.join(FILE_SUFFIXES)}")
            yield from map(self.as_record, files)
        elif path.lower().endswith(ENDINGS):
            yield from (self.as_record(audio_file(row)) for row in read_rows(Path(path)))
        else:
            yield self.as_record(path)

    def as_record(self, given: Any) -> Recording:
        """Return the recording for a path or a pair (samples, rate). Raises UserError for anything else."""
        if isinstance(given, Recording):
            return given
        if isinstance(given, (str, Path)):
            return Recording(str(given), Path(given))
        if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[1], (int, np.integer)):
            samples, rate = np.asarray(given[0]), int(given[1])
            if samples.ndim in (1, 2) and np.issubdtype(samples.dtype, np.floating) and rate > 0:
                return Recording("samples", None, samples.astype(np.float32), rate)
        raise UserError(
            "a recording must be the path of a file, or a pair (samples, rate): samples of type float in [-1, 1] with "
            f"shape (N,) or (N, channels), and a whole number of samples a second; got {type(given).__name__}"
        )

    def run(self, records: list[Recording], attention: bool) -> list[Transcription]:
        loaded = [load(record, self.frontend) for record in records]
        chunks = [[] if one.empty else split_at_pauses(one.signal, self.frontend, self.max_seconds) for one in loaded]
        recognized = self._recognize([chunk for some in chunks for chunk in some], attention)
        return [
            Transcription(record.name, [*one.notes, *self._notes(len(some))], [next(recognized) for _ in some])
            for record, one, some in zip(records, loaded, chunks, strict=True)
        ]

    def answer(self, result: Transcription) -> dict[str, Any]:
        """Return text, confidence, the words with their times in seconds, and notes about the recording."""
        words = [word for chunk in result.chunks for word in chunk.words]
        return {
            "audio": result.name,
            "text": " ".join(word.word for word in words),
            "confidence": round(float(np.prod([chunk.confidence for chunk in result.chunks])), 4),
            "words": [{**word._asdict(), "confidence": round(word.confidence, 4)} for word in words],
            "notes": result.notes,
        }

    def weights(self, result: Transcription) -> dict[str, AttentionWeights]:
        """Return the decoder's attention, mean over heads: output units x frames of the encoder.

        The last unit of a chunk is its end. The frames are those of all chunks; a unit has weight 0 outside its chunk.
        """
        name = f"decoder.{self.recognizer.decoder.attention_layer}"
        labels = [label for chunk in result.chunks for label in self._labels(chunk)]
        times = np.concatenate([np.zeros((0, 2)), *(self._frame_times(chunk) for chunk in result.chunks)])
        weights = np.zeros((len(labels), len(times)), np.float32)
        row = column = 0
        for chunk in result.chunks:
            height, width = chunk.required_weights().shape
            weights[row : row + height, column : column + width] = chunk.required_weights().numpy()
            row, column = row + height, column + width
        return {
            name: AttentionWeights(name, weights, (Axis("units", tuple(labels)), Axis("frames", coordinates=times)))
        }

    def picture(self, result: Transcription) -> Picture:
        """Return a picture of the first chunk: the features, and below them the attention of every output unit."""
        name = Path(result.name).stem
        if not result.chunks:
            return Picture(name, f"<p>{', '.join(result.notes)}</p>")
        chunk = result.chunks[0]
        seconds = len(chunk.features) / self.frontend.frames_per_second
        text = self.recognizer.units.decode(chunk.units)
        figure = draw_alignment(chunk.features, chunk.required_weights(), self._labels(chunk), seconds, text)
        return Picture.from_figure(name, figure)

    def labelled_batches(self, path: str) -> Iterable[SpeechBatch]:
        """Yield batches of a list of recordings in JSON Lines, or of a folder with ``*.trans.txt``.

        Raises UserError as ``read_labelled`` does.
        """
        units = self.recognizer.units
        for batch in read_labelled(Path(path), self.frontend, self.normalizer, units, self.chunks_per_pass):
            yield batch.to(self.device)

    def _notes(self, num_chunks: int) -> list[str]:
        if num_chunks < 2:
            return []
        return [f"longer than {self.max_seconds:g} s: recognized in {num_chunks} chunks, split at quiet moments"]

    def _recognize(self, chunks: list[Chunk], attention: bool) -> Iterator[RecognizedChunk]:
        for at in range(0, len(chunks), self.chunks_per_pass):
            yield from self._recognize_batch(chunks[at : at + self.chunks_per_pass], attention)

    def _recognize_batch(self, chunks: list[Chunk], attention: bool) -> Iterator[RecognizedChunk]:
        features = [self.normalizer(self.frontend.features(signal)) for _, signal in chunks]
        batch = SpeechBatch.of(features).to(self.device)
        encoded = self.recognizer.encode(batch.features, batch.lengths)
        log_probs = self.recognizer.ctc_log_probs(encoded).cpu()
        found = self.search(self.recognizer, encoded)
        for number, (start, _) in enumerate(chunks):
            texts = found[number] or [Hypothesis([], 0.0)]
            units, length = texts[0].units, encoded.lengths[number]
            words = locate_words(
                units, self.recognizer.units, log_probs[number, :length], start, self.seconds_per_position
            )
            confidence = float(torch.tensor([one.score for one in texts]).softmax(dim=0)[0])
            one = EncodedSpeech(encoded.memory[number : number + 1, :length], encoded.lengths[number : number + 1])
            weights = self._attention_weights(units, one) if attention else None
            yield RecognizedChunk(start, features[number], units, words, confidence, weights)

    def _attention_weights(self, units: list[int], encoded: EncodedSpeech) -> torch.Tensor:
        decoder = self.recognizer.decoder
        inputs = torch.tensor([[EOS, *units]], device=self.device)
        return decoder.attention_weights(inputs, decoder.project_memory(encoded))[0].cpu()

    def _labels(self, chunk: RecognizedChunk) -> list[str]:
        return [*(self.recognizer.units.names[unit] for unit in chunk.units), "end"]

    def _frame_times(self, chunk: RecognizedChunk) -> np.ndarray:
        """Return start and end of every encoder position in seconds, (S, 2)."""
        places = np.arange(chunk.required_weights().shape[1])[:, None]
        return chunk.start + np.concatenate([places, places + 1], axis=1) * self.seconds_per_position
