"""A list of recordings in JSON Lines: wrong lines are named."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tests.speech.conftest import speech_data


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "line 1: not JSON"),
        ('{"audio": "a.wav"}', 'no text under "text"'),
        ('{"audio": "none.wav", "text": "a"}', "does not exist"),
        ('{"audio": "a.wav", "text": "a", "split": "dev"}', "the split 'dev' must be one of train, val, test"),
        ('{"audio": "a.wav", "text": "a", "duration": "long"}', "duration must be a number of seconds, got 'long'"),
        ('{"audio": "a.wav", "text": "a", "duration": Infinity}', "duration must be a number of seconds, got inf"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, write_sound, line: str, wrong: str) -> None:
    write_sound("a.wav", np.zeros(800))
    (tmp_path / "list.jsonl").write_text(line)
    with pytest.raises(UserError, match=wrong):
        speech_data("data=speech/manifest", f"data.path={tmp_path / 'list.jsonl'}").facts()
