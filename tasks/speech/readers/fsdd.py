"""The Free Spoken Digit Dataset: 6 speakers, 50 recordings of each digit; single, or joined into strings."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.utterances import Recordings, Utterance

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
COUNT = 3000


class Fsdd(Recordings):
    """Recordings 0-4 of every speaker and digit test, as the authors say; 5-9 validate, the others train.

    Args:
        source: where ``recordings/{digit}_{speaker}_{index}.wav`` lie.
        digits: of an utterance: ``1``, ``5``, or from ``3-7``. Strings join recordings of one speaker and one part, in
            an order drawn by ``seed``; each recording stands in ``rounds`` training strings, and in ``test_rounds`` of
            validation or test.
        test_digits: of an utterance of validation or test, where they are others.
    """

    name = "fsdd"

    def __init__(self, source: Source, digits: str, test_digits: str, rounds: int, test_rounds: int, seed: int) -> None:
        self.source, self.digits, self.test_digits, self.seed = source, digits, test_digits, seed
        self.lengths = {part: parse_digits(test_digits) for part in ("val", "test")} | {"train": parse_digits(digits)}
        self.rounds, self.test_rounds = rounds, test_rounds

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The folder, its recordings hashed together; raises UserError where some are missing."""
        files = resolve(self.source, data_dir)
        paths = _paths(files)
        if len(paths) != COUNT:
            raise UserError(f"{files.folder}/recordings holds {len(paths)} recordings of {COUNT}; copy the others too")
        digest = hashlib.sha256()
        for path in paths:
            digest.update(f"{path.name}\n".encode() + path.read_bytes())
        sha256 = {"recordings": digest.hexdigest()}
        return Resolved(
            files.kind, files.data_dir, files.folder, files.origin, sha256, self.source.licence, self.source.homepage
        )

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Single digits in the order of their names, or strings by part and speaker."""
        found: dict[tuple[str, str], list[tuple[Path, str, float]]] = defaultdict(list)
        for path in _paths(files):
            match = _NAME.fullmatch(path.name)
            assert match
            index = int(match[3])
            part = "test" if index < 5 else "val" if index < 10 else "train"
            found[part, match[2]].append((path, WORDS[int(match[1])], frontend.seconds(str(path))))
        for (part, speaker), recordings in sorted(found.items()):
            for number, chosen in enumerate(self._strings(len(recordings), part, speaker)):
                paths, words, seconds = zip(*(recordings[place] for place in chosen), strict=True)
                single = self.lengths[part] == (1, 1)
                name = paths[0].stem if single else f"{part}-{speaker}-{number}"
                yield Utterance(name, tuple(map(str, paths)), " ".join(words), speaker, part, float(sum(seconds)))

    def options(self) -> dict[str, Any]:
        """How the strings were made."""
        names = ("digits", "test_digits", "rounds", "test_rounds", "seed")
        return {name: getattr(self, name) for name in names}

    def _strings(self, count: int, part: str, speaker: str) -> Iterator[list[int]]:
        """Which recordings stand in each utterance; the same whatever other parts and speakers there are."""
        fewest, most = self.lengths[part]
        if most == 1:
            yield from ([place] for place in range(count))
            return
        random = np.random.RandomState([self.seed, *f"{part}-{speaker}".encode()])  # a stream that will never change
        for _ in range(self.rounds if part == "train" else self.test_rounds):
            order, start = random.permutation(count).tolist(), 0
            while count - start >= fewest:
                length = random.randint(fewest, most + 1)
                yield order[start : start + length]
                start += length


def parse_digits(text: str) -> tuple[int, int]:
    """``5`` -> (5, 5), ``3-7`` -> (3, 7); raises UserError for anything else."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    fewest, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= fewest <= most:
        raise UserError(f"data.digits={text} should be a number of digits such as 5, or a range such as 3-7")
    return fewest, most


def _paths(files: Resolved) -> list[Path]:
    return sorted(path for path in (files.folder / "recordings").glob("*.wav") if _NAME.fullmatch(path.name))
