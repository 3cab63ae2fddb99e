"""The data module of speech: utterances with their split and targets; features are computed for each batch."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from suite.data.identity import SampleRecord, digests
from suite.data.module import TaskData
from suite.data.source import Resolved
from suite.data.splits import SPLITS, Split
from suite.errors import UserError
from tasks.speech.augment import SpecAugment
from tasks.speech.batch import SpeechBatch, SpeechBatches
from tasks.speech.features import Frontend
from tasks.speech.normalize import learn_normalizer, normalizer_from_facts
from tasks.speech.readers.an4 import An4
from tasks.speech.readers.base import SpeechReader
from tasks.speech.readers.folder import TranscribedFolder
from tasks.speech.readers.fsdd import Fsdd
from tasks.speech.readers.librispeech import LibriSpeech
from tasks.speech.readers.manifest import Manifest
from tasks.speech.readers.speech_commands import SpeechCommands
from tasks.speech.search.alignment import num_positions_needed
from tasks.speech.split import SpeakerSplit
from tasks.speech.synthetic import SpokenDigits, Tones
from tasks.speech.units import UNKNOWN, Units
from tasks.speech.utterances import Utterance, content_hash, split_hash
from tasks.speech.vocabulary import learn_units, units_from_facts

logger = logging.getLogger(__name__)
FACTOR = 4  # frames for each encoder position in the model presets; decides which transcripts are too long to learn


class SpeechData(TaskData):
    """Transcribed speech. A subclass names the reader of a corpus, whose arguments become config keys too.

    Args:
        reader: reads the corpus.
        frontend: computes features of a recording.
        spec_augment: masks features in training; None for no masks.
        dir: folder of data sets.
        units: output units, ``characters``, ``words`` or ``subwords``.
        num_subwords: number of units where ``units=subwords``.
        normalize: ``utterance`` normalizes features by the mean and variance of the utterance, ``global`` by those of
            the training split.
        batch_frames: approximate number of frames of a batch, including padding.
        max_seconds: longest utterance. Longer ones are left out of training.
        val_fraction, test_fraction, split_seed: see ``SpeakerSplit``.
        save_transcripts: whether checkpoints contain the training transcripts, which the language model needs.

    Raises:
        UserError: for a value out of range; when the data are read, for a validation or test utterance longer than
            ``max_seconds``, and for a corpus without a training utterance that can be learned.
    """

    reader: SpeechReader

    def __init__(
        self,
        reader: SpeechReader,
        *,
        frontend: Frontend,
        spec_augment: SpecAugment | None,
        dir: str,
        units: str,
        num_subwords: int,
        normalize: str,
        batch_frames: int,
        max_seconds: float,
        val_fraction: float,
        test_fraction: float,
        split_seed: int,
        save_transcripts: bool,
    ) -> None:
        super().__init__(reader, dir)
        for name, value in (("batch_frames", batch_frames), ("max_seconds", max_seconds)):
            if value <= 0:
                raise UserError(f"data.{name} must be above 0, got {value}")
        self.frontend, self.spec_augment = frontend, spec_augment
        self.unit_kind, self.num_subwords, self.normalize = units, num_subwords, normalize
        self.batch_frames, self.max_seconds = batch_frames, max_seconds
        self.split = SpeakerSplit(val_fraction, test_fraction, seed=split_seed)
        self.save_transcripts = save_transcripts

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read and split the utterances, learn the units and the normalizer, check lengths."""
        self.utterances = self.split.assign(list(self.reader.read(files, self.frontend)))
        self.own_hashes = sorted(files.sha256.values()) if files.licence == "yours" else []
        texts = [one.text for one in self.utterances if one.split == "train"]
        left_out = self._encode(learn_units(self.unit_kind, texts, self.num_subwords))
        if not len(self.selected["train"]):
            raise UserError(
                "no training utterance is left: all are longer than data.max_seconds, or too short for their "
                "transcripts. Check the transcripts, or raise data.max_seconds"
            )
        training = (self.frontend.features(self.recording(int(number))) for number in self.selected["train"])
        self.normalizer = learn_normalizer(self.normalize, training)
        return {
            "content_hash": content_hash(self.utterances),
            "split_hash": split_hash(self.utterances),
            "left_out_of_training": len(left_out),
            "num_units": len(self.units),
            **{f"num_{split}": len(numbers) for split, numbers in self.selected.items()},
            **{f"seconds_{split}": self._seconds(numbers) for split, numbers in self.selected.items()},
        }

    def sample_record(self) -> SampleRecord:
        """Return the utterances with their splits; recordings of a user are compared by the hashes of their files."""
        self.setup()
        ones = self.utterances
        contents = digests((one.text, one.speaker, f"{one.seconds:.4f}") for one in ones)
        split = Split(*(np.flatnonzero([one.split == name for one in ones]) for name in SPLITS))
        content = " ".join([content_hash(ones), *self.own_hashes])
        return SampleRecord(digests(one.name for one in ones), contents, split, content, split_hash(ones))

    def restore_split(self, split: Split, facts: Mapping[str, Any]) -> None:
        """Use the split, the units and the normalizer of a checkpoint."""
        self.setup()
        name_of = {int(number): name for name, items in zip(SPLITS, split, strict=True) for number in items}
        self.utterances = [one._replace(split=name_of.get(n, "")) for n, one in enumerate(self.utterances)]
        self.normalizer = normalizer_from_facts(facts["normalizer"])
        self._encode(units_from_facts(facts["units"]))

    def batch(self, selected: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        """Return the batch of some utterances; with a generator, recordings are perturbed and features masked."""
        return SpeechBatch.of(
            [self._features(int(number), random) for number in selected],
            [self.targets[number] for number in selected],
            [self.utterances[number].text for number in selected],
        )

    def recording(self, number: int) -> np.ndarray:
        """Return the recording of an utterance, as the front end reads it."""
        return self.reader.recording(self.utterances[number], self.frontend)

    def facts(self) -> dict[str, Any]:
        """Return what the model and its predictions need: plain values, saved in every checkpoint."""
        self.setup()
        train = self.selected["train"]
        num_units = sum(len(self.targets[number]) + 1 for number in train)
        return {
            "num_features": self.frontend.num_features,
            "frontend": self.frontend.facts(),
            "normalizer": self.normalizer.facts(),
            "units": self.units.facts(),
            "transcripts": [self.utterances[number].text for number in train] if self.save_transcripts else [],
            "frames_per_unit": round(float(self.lengths[train].sum()) / num_units, 3),
        }

    def training_batches(self) -> SpeechBatches:
        """Return the training batches, augmented and in a new order in every epoch."""
        self.setup()
        return SpeechBatches(self, self.selected["train"], self.batch_frames, training=True)

    def split_dataloader(self, split: str) -> SpeechBatches:
        """Return the batches of one split in the order of length, without augmentation."""
        self.setup()
        return SpeechBatches(self, self.selected[split], self.batch_frames)

    def _encode(self, units: Units) -> set[int]:
        """Encode all transcripts and select the utterances of each split; returns those left out of training."""
        self.units = units
        self.targets = [units.encode(one.text) for one in self.utterances]
        self.lengths = np.array([one.seconds * self.frontend.frames_per_second for one in self.utterances]).astype(int)
        left_out = self._check_lengths()
        self.selected = {split: self._numbers(split, left_out) for split in SPLITS}
        return left_out

    def _features(self, number: int, random: np.random.Generator | None) -> torch.Tensor:
        recording = self.recording(number)
        if random is None:
            return self.normalizer(self.frontend.features(recording))
        features = self.normalizer(self.frontend.features(self.frontend.perturb(recording, random)))
        return features if self.spec_augment is None else self.spec_augment(features, random)

    def _numbers(self, split: str, left_out: set[int]) -> np.ndarray:
        return np.array([n for n, one in enumerate(self.utterances) if one.split == split and n not in left_out])

    def _seconds(self, numbers: np.ndarray) -> float:
        return round(sum(self.utterances[number].seconds for number in numbers), 1)

    def _check_lengths(self) -> set[int]:
        """Return the training utterances that are left out, and log a warning about them and about unknown units."""
        too_long, too_short, unknown = [], [], []
        for number, one in enumerate(self.utterances):
            if one.seconds > self.max_seconds:
                self._check_training(one)
                too_long.append(number)
            elif one.split == "train" and self._too_short(number):
                too_short.append(number)
            if UNKNOWN in self.targets[number]:
                unknown.append(number)
        self._warn(too_long, f"are longer than data.max_seconds={self.max_seconds:g} and are left out of training")
        self._warn(too_short, "are too short for their transcripts and are left out of training")
        self._warn(unknown, "of validation or test contain units that no training transcript contains")
        return {*too_long, *too_short}

    def _check_training(self, too_long: Utterance) -> None:
        if too_long.split != "train":
            raise UserError(
                f"{too_long.name} ({too_long.split}) lasts {too_long.seconds:.1f} s, which is more than "
                f"data.max_seconds={self.max_seconds:g}. Split it, remove it, or raise the limit"
            )

    def _too_short(self, number: int) -> bool:
        return num_positions_needed(self.targets[number]) * FACTOR > self.lengths[number] + FACTOR - 1

    def _warn(self, numbers: Sequence[int], what: str) -> None:
        if numbers:
            logger.warning("%d utterances %s; the first is %s", len(numbers), what, self.utterances[numbers[0]].name)


class An4Data(SpeechData, reader=An4):
    """CMU AN4."""


class FsddData(SpeechData, reader=Fsdd):
    """Free Spoken Digit Dataset."""


class LibriSpeechData(SpeechData, reader=LibriSpeech):
    """LibriSpeech."""


class SpeechCommandsData(SpeechData, reader=SpeechCommands):
    """Speech Commands."""


class ManifestData(SpeechData, reader=Manifest):
    """A user's own recordings, listed in JSON Lines."""


class TranscribedFolderData(SpeechData, reader=TranscribedFolder):
    """A user's own recordings in the folder layout of LibriSpeech."""


class TonesData(SpeechData, reader=Tones):
    """Generated words of two tones."""


class SpokenDigitsData(SpeechData, reader=SpokenDigits):
    """Digits spoken by a synthesizer."""
