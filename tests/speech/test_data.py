"""The data module: utterances that cannot be learned, and values out of range."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tests.speech.conftest import speech_data


def test_utterances_that_cannot_be_learned_are_left_out_of_training(
    tmp_path: Path, write_sound, caplog: pytest.LogCaptureFixture
) -> None:
    rows = []
    for number, part in enumerate(["train"] * 4 + ["val", "test"]):
        write_sound(f"{number}.wav", 0.1 * np.sin(np.arange(8000)))
        rows.append({"audio": f"{number}.wav", "text": "ab", "split": part, "duration": 1.0})
    rows[0]["text"] = "abc" * 20  # more than 25 positions can emit
    rows[1]["duration"] = 60.0
    rows[5]["text"] = "xy"
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with caplog.at_level(logging.WARNING):
        module = speech_data("data=speech/manifest", f"data.path={path}", "data.frontend.rate=8000")
    assert module.provenance()["num_train"] == 2
    assert module.provenance()["left_out_of_training"] == 2
    assert "the first is 1.wav" in caplog.text
    assert "the first is 0.wav" in caplog.text
    assert "no training transcript contains; the first is 5.wav" in caplog.text
    rows[4]["duration"] = 60.0
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match=r"4\.wav \(val\) lasts 60\.0 s"):
        speech_data("data=speech/manifest", f"data.path={path}", "data.frontend.rate=8000")


@pytest.mark.parametrize("wrong", ["batch_frames=0", "max_seconds=-1"])
def test_values_out_of_range_are_rejected(wrong: str) -> None:
    with pytest.raises(UserError, match=f"data.{wrong.split('=')[0]} must be above 0"):
        speech_data("data=speech/synthetic", f"data.{wrong}")


def test_an_unknown_key_is_rejected() -> None:
    with pytest.raises(UserError, match="num_uterances"):
        speech_data("data=speech/synthetic", "+data.num_uterances=3")


@pytest.mark.parametrize("saved", [True, False])
def test_checkpoints_contain_transcripts_only_if_asked(saved: bool) -> None:
    facts = speech_data("data=speech/synthetic", f"data.save_transcripts={saved}").facts()
    assert bool(facts["transcripts"]) is saved
