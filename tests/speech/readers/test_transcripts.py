"""Transcript lists: the form of their lines, and the split that a folder name states."""

from pathlib import Path

import numpy as np
import pytest

from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.features import LogMel
from tasks.speech.readers.transcripts import TranscriptLists
from tasks.speech.utterances import Utterance


def read(folder: Path) -> list[Utterance]:
    return list(TranscriptLists().read(Resolved("files", folder, folder, "test"), LogMel(8000, 8)))


@pytest.mark.parametrize(
    ("folder", "split"), [("train-clean-100", "train"), ("x/Dev_other/7", "val"), ("testing", ""), ("test", "test")]
)
def test_the_first_folder_with_the_name_of_a_split_states_it(
    tmp_path: Path, write_sound, folder: str, split: str
) -> None:
    write_sound(f"{folder}/3-1.wav", np.zeros(80)).with_name("a.trans.txt").write_text("3-1 SO  IT\n")
    (one,) = read(tmp_path)
    assert (one.name, one.text, one.speaker, one.split, one.seconds) == ("3-1", "SO  IT", "3", split, 0.01)


def test_a_name_without_a_hyphen_has_no_speaker(tmp_path: Path, write_sound) -> None:
    write_sound("one.wav", np.zeros(80)).with_name("a.trans.txt").write_text("one SO\n")
    assert [one.speaker for one in read(tmp_path)] == [""]


def test_a_line_without_a_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.trans.txt").write_text("\na-1 SO\n")
    with pytest.raises(UserError, match=r"a\.trans\.txt, line 2: no file a-1\.flac"):
        read(tmp_path)


def test_a_folder_without_lists_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no \*\.trans\.txt"):
        read(tmp_path)
