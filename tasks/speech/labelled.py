"""Batches with targets from a user's own transcribed recordings, to evaluate a trained model on them."""

from collections.abc import Iterator
from pathlib import Path

from suite.errors import UserError
from tasks.speech.batch import SpeechBatch
from tasks.speech.features import Frontend
from tasks.speech.normalize import Normalizer
from tasks.speech.readers.folder import TranscribedFolder
from tasks.speech.readers.manifest import Manifest
from tasks.speech.units import Units


def read_labelled(
    path: Path, frontend: Frontend, normalizer: Normalizer, units: Units, batch_size: int
) -> Iterator[SpeechBatch]:
    """Yield batches of all utterances that a list in JSON Lines, or a folder with ``*.trans.txt``, names.

    The form of both is that of ``data=speech/manifest`` and ``data=speech/folder``; stated splits are ignored. Raises
    UserError naming the line for what cannot be read, and for a list without utterances.
    """
    reader = TranscribedFolder(str(path)) if path.is_dir() else Manifest(str(path))
    utterances = list(reader.read(reader.resolve(path.parent), frontend))
    if not utterances:
        raise UserError(f'{path} lists no recording; add lines such as {{"audio": FILE, "text": ...}}')
    for start in range(0, len(utterances), batch_size):
        some = utterances[start : start + batch_size]
        yield SpeechBatch.of(
            [normalizer(frontend.features(reader.recording(one, frontend))) for one in some],
            [units.encode(one.text) for one in some],
            [one.text for one in some],
        )
