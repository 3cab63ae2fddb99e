"""The data module of the speech task: utterances found, split and numbered once; features made anew every time."""

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch

from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.speech import units as vocabularies
from tasks.speech.augment import SpecAugment
from tasks.speech.batch import Batches, SpeechBatch
from tasks.speech.features import Frontend
from tasks.speech.normalize import learn_normaliser
from tasks.speech.readers.an4 import An4
from tasks.speech.readers.folder import LibriSpeech, SpeechCommands, TranscribedFolder
from tasks.speech.readers.fsdd import Fsdd
from tasks.speech.readers.manifest import Manifest
from tasks.speech.split import PARTS, assign
from tasks.speech.synthetic import SpokenDigits, Tones
from tasks.speech.utterances import Utterance, content_hash, split_hash

logger = logging.getLogger(__name__)
FACTOR = 4  # frames of a position in the encoders' presets


class SpeechReader(Reader, Protocol):
    """What knows one kind of corpus: ``reader.read(reader.resolve(data_dir), frontend)``."""

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """The utterances; raises UserError naming file and row."""
        ...

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        """The recording of one of them; raises UserError naming the file."""
        ...


class SpeechData(TaskData):
    """Any corpus of transcribed speech, by its reader.

    Args:
        reader: of the corpus.
        frontend: from a recording to features.
        spec_augment: masks of training features; None for none.
        dir: where files are looked for and kept.
        units: what is written, ``characters``, ``words`` or ``subwords``, of which there are ``num_subwords``.
        normalise: features of every utterance by its own mean and variance (``utterance``), or by those of the training
            part (``global``).
        batch_frames: about how many frames a batch has, padding counted.
        max_seconds: of an utterance. A longer one is left out of training, and refused by UserError elsewhere.
        val_fraction, test_fraction, split_seed: see ``parts.assign``.
        keep_transcripts: whether a checkpoint keeps the training transcripts, of which a language model is counted.
    """

    def __init__(
        self,
        reader: SpeechReader,
        frontend: Frontend,
        spec_augment: SpecAugment | None = None,
        dir: str = "data",
        units: str = "characters",
        num_subwords: int = 500,
        normalise: str = "utterance",
        batch_frames: int = 4000,
        max_seconds: float = 40.0,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        split_seed: int = 0,
        keep_transcripts: bool = True,
    ) -> None:
        super().__init__(reader, dir)
        if batch_frames < 1 or max_seconds <= 0:
            raise UserError(f"data.batch_frames={batch_frames} and data.max_seconds={max_seconds} must be above 0")
        self.frontend, self.spec_augment = frontend, spec_augment
        self.kind, self.num_subwords, self.normalise = units, num_subwords, normalise
        self.batch_frames, self.max_seconds = batch_frames, max_seconds
        self.val_fraction, self.test_fraction, self.split_seed = val_fraction, test_fraction, split_seed
        self.keep_transcripts = keep_transcripts

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read and split the utterances, learn the units, check every utterance against its length."""
        read = list(self.reader.read(files, self.frontend))
        self.utterances = assign(read, self.val_fraction, self.test_fraction, self.split_seed)
        texts = [one.text for one in self.utterances if one.part == "train"]
        self.units = vocabularies.learn(self.kind, texts, self.num_subwords)
        self.targets = [self.units.encode(one.text) for one in self.utterances]
        self.lengths = np.array([one.seconds * self.frontend.frames_per_second for one in self.utterances]).astype(int)
        left_out = self._check()
        self.chosen = {
            part: np.array([n for n, one in enumerate(self.utterances) if one.part == part and n not in left_out])
            for part in PARTS
        }
        if not len(self.chosen["train"]):
            raise UserError("no training utterance is left: every one is too long or too short for its transcript")
        self.normaliser = learn_normaliser(self.normalise, self._raw_features("train"))
        return {
            "content_hash": content_hash(self.utterances),
            "split_hash": split_hash(self.utterances),
            "left_out_of_training": len(left_out),
            "num_units": len(self.units),
            **{f"num_{part}": len(chosen) for part, chosen in self.chosen.items()},
            **{
                f"seconds_{part}": round(sum(self.utterances[n].seconds for n in chosen), 1)
                for part, chosen in self.chosen.items()
            },
        }

    def batch(self, chosen: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        """Some utterances as a batch; with a generator perturbed and masked."""
        features = []
        for number in chosen:
            recording = self.recording(int(number))
            if random is not None:
                recording = self.frontend.perturb(recording, random)
            one = self.normaliser(self.frontend.features(recording))
            masked = random is not None and self.spec_augment is not None
            features.append(self.spec_augment(one, random) if masked else one)  # type: ignore[misc, arg-type]
        return SpeechBatch.of(
            features, [self.targets[number] for number in chosen], [self.utterances[number].text for number in chosen]
        )

    def recording(self, number: int) -> np.ndarray:
        """The recording of one utterance."""
        samples: np.ndarray = self.reader.recording(self.utterances[number], self.frontend)
        return samples

    def facts(self) -> dict[str, Any]:
        """What the model and its predictions have to know: plain values, kept in every checkpoint."""
        self.setup()
        train = self.chosen["train"]
        written = sum(len(self.targets[number]) + 1 for number in train)
        transcripts = [self.utterances[number].text for number in train] if self.keep_transcripts else []
        return {
            "num_features": self.frontend.num_features,
            "frontend": self.frontend.facts(),
            "normaliser": self.normaliser.facts(),
            "units": self.units.facts(),
            "transcripts": transcripts,
            "frames_per_unit": round(float(self.lengths[train].sum()) / written, 3),
        }

    def training_batches(self) -> Batches:
        """The training part, augmented, in a new order every epoch."""
        self.setup()
        return Batches(self, self.chosen["train"], self.batch_frames, training=True)

    def split_dataloader(self, split: str) -> Batches:
        """One part in the order of length, as it was recorded."""
        self.setup()
        return Batches(self, self.chosen[split], self.batch_frames)

    def _check(self) -> set[int]:
        """Numbers of training utterances that are left out; tells of them and of unknown units, refuses the rest."""
        too_long, too_short, unknown = [], [], []
        for number, one in enumerate(self.utterances):
            if one.seconds > self.max_seconds:
                if one.part != "train":
                    raise UserError(
                        f"{one.name} ({one.part}) lasts {one.seconds:.1f} s, data.max_seconds={self.max_seconds:g}. "
                        "Cut it, leave it out, or raise the limit: memory grows with the length"
                    )
                too_long.append(number)
            elif needed_positions(self.targets[number]) * FACTOR > self.lengths[number] + FACTOR - 1:
                too_short.append(number)
            if vocabularies.UNKNOWN in self.targets[number]:
                unknown.append(number)
        self._tell(too_long, "last longer than data.max_seconds=%g and are left out of training", self.max_seconds)
        too_short_train = [number for number in too_short if self.utterances[number].part == "train"]
        self._tell(too_short_train, "are too short for their transcripts and are left out of training")
        self._tell(unknown, "of validation or test have units that no training transcript has")
        return {*too_long, *too_short_train}

    def _tell(self, numbers: Sequence[int], what: str, *values: object) -> None:
        if numbers:
            first = self.utterances[numbers[0]].name
            logger.warning("%d utterances " + what + "; the first is %s", len(numbers), *values, first)

    def _raw_features(self, part: str) -> Iterator[torch.Tensor]:
        return (self.frontend.features(self.recording(int(number))) for number in self.chosen[part])


def needed_positions(target: Sequence[int]) -> int:
    """The fewest positions in which CTC can write a text: one a unit, one more between equal neighbours."""
    return len(target) + sum(a == b for a, b in pairwise(target))


# One class for each kind of corpus lets its options stand beside the common ones: data.digits=3-7, data.path=FILE.
# ``common`` are the arguments of SpeechData after the first.


class An4Data(SpeechData):
    """CMU's AN4."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(An4(source), **common)


class FsddData(SpeechData):
    """Free Spoken Digit Dataset, single digits or strings of them.

    Single digits are measured one by one and trained in strings of one to four: in ever new company the same recordings
    teach more (RESULTS.md, with the figures of both).
    """

    def __init__(
        self,
        source: Source,
        digits: str | int | None = None,
        test_digits: str | int | None = None,
        rounds: int = 3,
        test_rounds: int = 4,
        seed: int = 0,
        **common: Any,
    ) -> None:
        trained, single = ("1-4", "1") if digits is None else (str(digits), str(digits))
        tested = single if test_digits is None else str(test_digits)
        super().__init__(Fsdd(source, trained, tested, rounds, test_rounds, seed), **common)


class FolderData(SpeechData):
    """A tree in the form of LibriSpeech."""

    def __init__(self, path: str, **common: Any) -> None:
        super().__init__(TranscribedFolder(path), **common)


class LibriSpeechData(SpeechData):
    """LibriSpeech itself, the parts that are named."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(LibriSpeech(source), **common)


class ManifestData(SpeechData):
    """A user's own recordings by a list."""

    def __init__(self, path: str, **common: Any) -> None:
        super().__init__(Manifest(path), **common)


class SpeechCommandsData(SpeechData):
    """Speech Commands, 35 words."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(SpeechCommands(source), **common)


class TonesData(SpeechData):
    """Made-up words of tones."""

    def __init__(
        self, num_utterances: int = 60, num_words: int = 3, longest: int = 3, seed: int = 0, **common: Any
    ) -> None:
        super().__init__(Tones(num_utterances, num_words, longest, seed), **common)


class SpokenDigitsData(SpeechData):
    """Digits spoken by a synthesiser."""

    def __init__(
        self,
        num_utterances: int = 1200,
        digits: str | int | None = None,
        noise: float = 0.02,
        seed: int = 0,
        **common: Any,
    ) -> None:
        spoken = "1-5" if digits is None else str(digits)
        super().__init__(SpokenDigits(num_utterances, spoken, noise, seed), **common)
