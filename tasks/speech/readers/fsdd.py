"""Reader of the Free Spoken Digit Dataset: 6 speakers, 50 recordings of each digit."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.own_files import hash_tree
from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.speech.digits import WORDS, parse_digits
from tasks.speech.features import Frontend
from tasks.speech.readers.base import RecordingFiles
from tasks.speech.utterances import Utterance

_NAME = re.compile(r"\d_[a-z]+_\d+\.wav")  # {digit}_{speaker}_{index}.wav
COUNT = 3000
OTHER_DATA = (
    "Other speech data: data=speech/synthetic (generated tones, needs nothing) or data=speech/synthetic_digits (spoken "
    "by a synthesizer, needs pip install 'attention-suite[speech-synthesis]', GPL-3.0)"
)


class Fsdd(RecordingFiles, SourceReader):
    """Single digits, or strings of digits that concatenate recordings of one speaker.

    Recordings 0-4 of each speaker and digit are the official test split, 5-9 the validation split.

    Args:
        source: names, addresses and hashes of the files.
        digits: number of digits in an utterance, such as ``1``, ``5`` or ``3-7``. None tests single digits and trains
            on strings of one to four, which gives a lower error rate than training on single digits (RESULTS.md).
        test_digits: number of digits in validation and test utterances; None takes that of ``digits``.
        rounds: number of training strings that contain each recording.
        test_rounds: the same for validation and test strings.
        seed: of the random strings.

    Raises:
        UserError: for ``digits`` that are not a number or a range.
    """

    def __init__(
        self,
        source: Source,
        digits: str | int | None,
        test_digits: str | int | None,
        rounds: int,
        test_rounds: int,
        seed: int,
    ) -> None:
        super().__init__(source)
        self.digits, tested = ("1-4", "1") if digits is None else (str(digits), str(digits))
        self.test_digits = tested if test_digits is None else str(test_digits)
        tested_range = parse_digits(self.test_digits)
        self.lengths = {"train": parse_digits(self.digits), "val": tested_range, "test": tested_range}
        self.rounds, self.test_rounds, self.seed = rounds, test_rounds, seed

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or download the recordings, and hash them. Raises UserError where some are not available."""
        try:
            files = super().resolve(data_dir)
        except UserError as error:
            raise UserError(f"{error}\n{OTHER_DATA}") from error
        paths = _recordings(files.folder)
        if len(paths) != COUNT:
            raise UserError(
                f"{files.folder}/recordings has {len(paths)} of {COUNT} recordings. Copy the missing ones, or move the "
                f"folder away and run: attn data get {self.source.name}\n{OTHER_DATA}"
            )
        return replace(files, sha256={"recordings": hash_tree(files.folder, paths)})

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield single digits in the order of their names, or strings by split and speaker."""
        found: dict[tuple[str, str], list[tuple[Path, str, float]]] = defaultdict(list)
        for path in _recordings(files.folder):
            digit, speaker, index = path.stem.split("_")
            split = _split_of(int(index))
            found[split, speaker].append((path, WORDS[int(digit)], frontend.seconds(str(path))))
        for (split, speaker), recordings in sorted(found.items()):
            single = self.lengths[split] == (1, 1)
            for number, indices in enumerate(self._strings(len(recordings), split, speaker)):
                paths, words, seconds = zip(*(recordings[index] for index in indices), strict=True)
                name = paths[0].stem if single else f"{split}-{speaker}-{number}"
                yield Utterance(name, tuple(map(str, paths)), " ".join(words), speaker, split, float(sum(seconds)))

    def options(self) -> dict[str, Any]:
        names = ("digits", "test_digits", "rounds", "test_rounds", "seed")
        return {name: getattr(self, name) for name in names}

    def _strings(self, count: int, split: str, speaker: str) -> Iterator[list[int]]:
        """Yield the indices of the recordings of each utterance; they do not depend on other splits and speakers."""
        fewest, most = self.lengths[split]
        if most == 1:
            yield from ([index] for index in range(count))
            return
        # NumPy guarantees that the stream of RandomState never changes.
        random = np.random.RandomState([self.seed, *f"{split}-{speaker}".encode()])
        for _ in range(self.rounds if split == "train" else self.test_rounds):
            order, start = random.permutation(count).tolist(), 0
            while count - start >= fewest:
                length = random.randint(fewest, most + 1)
                yield order[start : start + length]
                start += length


def _recordings(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "recordings").glob("*.wav") if _NAME.fullmatch(path.name))


def _split_of(index: int) -> str:
    return "test" if index < 5 else "val" if index < 10 else "train"
