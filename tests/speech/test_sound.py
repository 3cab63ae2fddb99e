"""Sound files: channels, rates, and files that cannot be read."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.speech.sound import duration, read_sound, sound_format


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_channels_are_averaged_and_samples_resampled(write_sound, form: str) -> None:
    time = np.arange(16000) / 16000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    path = write_sound(f"a.{form}", np.stack([tone, np.zeros_like(tone)], axis=1), 16000)
    assert sound_format(path) == (2, 16000)
    assert duration(path) == 1.0
    mono = read_sound(path, 8000)
    assert mono.shape == (8000,)
    np.testing.assert_allclose(mono[200:-200], tone[::2][200:-200] / 2, atol=2e-3)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, write_sound) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF\x00\x00\x00\x00WAVEjunk")
    with pytest.raises(UserError, match=r"broken\.wav cannot be read as sound"):
        read_sound(broken, 8000)
    with pytest.raises(UserError, match="does not exist"):
        read_sound(tmp_path / "none.wav", 8000)
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(str(tmp_path / "nan.wav"), np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"nan\.wav holds samples that are NaN or infinite"):
        read_sound(tmp_path / "nan.wav", 8000)
    assert len(read_sound(write_sound("empty.wav", np.zeros(0)), 16000)) == 0
