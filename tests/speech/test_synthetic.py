"""Generated speech is reproducible, and every voice is in one split."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.speech.features import Cepstra
from tasks.speech.synthetic import Tones, waveform_rate
from tests.speech.conftest import speech_data


def test_tones_follow_the_seed() -> None:
    first, again, other = (
        speech_data("data=speech/synthetic", f"data.seed={seed}").provenance()["content_hash"] for seed in (0, 0, 1)
    )
    assert first == again != other


def test_the_options_of_tones_are_recorded() -> None:
    assert Tones(5, 3, 2, 1).options() == {"num_utterances": 5, "num_words": 3, "max_words": 2, "seed": 1}


def test_a_front_end_that_takes_no_waveform_is_rejected() -> None:
    with pytest.raises(UserError, match="synthetic speech has no files of Cepstra"):
        waveform_rate(Cepstra(13))


def test_equal_arguments_give_equal_speech_in_split_voices(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    module = speech_data("data=speech/synthetic_digits", "data.num_utterances=60", f"data.dir={tmp_path}")
    again = speech_data("data=speech/synthetic_digits", "data.num_utterances=60", f"data.dir={tmp_path}")
    assert module.provenance()["content_hash"] == again.provenance()["content_hash"]
    np.testing.assert_array_equal(module.recording(3), again.recording(3))
    splits = [{one.speaker for one in module.utterances if one.split == split} for split in ("train", "val", "test")]
    assert all(splits)
    assert len(set.union(*splits)) == sum(map(len, splits))
