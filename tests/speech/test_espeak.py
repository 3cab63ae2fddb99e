"""Synthesis of speech: reproducible, without the working directory on the path, errors that name the install."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.speech.espeak import SpokenText, speak


def test_equal_texts_give_equal_samples_in_a_folder_with_a_module_called_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("espeakng_loader")
    (tmp_path / "tasks.py").write_text("raise RuntimeError('a file of the user was imported')")
    monkeypatch.chdir(tmp_path)
    text = SpokenText("one two", "en-us+f2", 160, 50)
    (first,), (again,) = speak([text]), speak([text])
    np.testing.assert_array_equal(first, again)
    assert 0.5 < len(first) / 22050 < 3.0
    assert np.abs(first).max() > 0.05


def test_an_unknown_voice_is_named() -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(UserError, match="there is no voice 'no-such-voice'"):
        speak([SpokenText("one", "no-such-voice", 160, 50)])


def test_without_the_package_the_error_names_an_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'attention-suite\[speech-synthesis\]'.*data=speech/synthetic"):
        speak([SpokenText("one", "en", 160, 50)])
