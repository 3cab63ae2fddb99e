"""Speech Commands: words are folders, splits are lists, background noise is skipped."""

from pathlib import Path

import numpy as np
import soundfile

from suite.data.source import Source
from tasks.speech.features import LogMel
from tasks.speech.readers.speech_commands import SpeechCommands


def test_the_lists_state_the_splits(tmp_path: Path) -> None:
    names = ["bed/a_nohash_0.wav", "bed/b_nohash_0.wav", "cat/a_nohash_1.wav", "_background_noise_/x.wav"]
    for name in names:
        path = tmp_path / "commands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(800), 8000)
    (tmp_path / "commands/validation_list.txt").write_text(names[1] + "\n")
    (tmp_path / "commands/testing_list.txt").write_text(names[2] + "\n")
    reader = SpeechCommands(Source("commands", "commands", {"commands.tar.gz": None}))
    found = list(reader.read(reader.resolve(tmp_path), LogMel(8000, 8)))
    assert [(one.name, one.text, one.speaker, one.split) for one in found] == [
        (names[0], "bed", "a", "train"),
        (names[1], "bed", "b", "val"),
        (names[2], "cat", "a", "test"),
    ]
