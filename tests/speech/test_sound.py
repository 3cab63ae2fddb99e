"""Features against torchaudio, perturbations against slow loops, recordings that make no sense."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.errors import UserError
from tasks.speech.augment import SpecAugment, stretch, warp_cepstra
from tasks.speech.features import FLOOR, Cepstra, LogMel, differences, from_facts
from tasks.speech.normalize import Global, PerUtterance, learn_normaliser
from tasks.speech.sound import read_sound


@pytest.mark.parametrize(("rate", "mels"), [(16000, 80), (8000, 23), (11025, 40)])
def test_log_mel_is_torchaudios(rate: int, mels: int) -> None:
    transforms = pytest.importorskip("torchaudio.transforms")
    torch.manual_seed(0)
    samples = 0.3 * torch.randn(2 * rate + 77)
    frontend = LogMel(rate, mels)
    window, shift = round(0.025 * rate), round(0.01 * rate)
    theirs = transforms.MelSpectrogram(rate, n_fft=window, hop_length=shift, n_mels=mels, center=False)(samples)
    torch.testing.assert_close(frontend.features(samples.numpy()), (theirs.T + FLOOR).log(), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 80, 199, 200, 279, 280])
def test_short_recordings_have_at_least_one_frame(count: int) -> None:
    features = LogMel(8000, 20).features(np.zeros(count, np.float32))
    assert features.shape == (1 if count < 280 else 2, 20)
    assert features.isfinite().all()


def test_differences_are_slopes() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 3)
    for t in range(7):
        slow = sum(k * (x[min(t + k, 6)] - x[max(t - k, 0)]) for k in (1, 2)) / 10
        torch.testing.assert_close(differences(x)[t], slow)
    torch.testing.assert_close(differences(torch.arange(9.0)[:, None])[2:-2], torch.ones(5, 1))


def test_stretching_changes_the_length_and_keeps_the_ends() -> None:
    x = np.arange(101, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    for speed in (0.8, 1.0, 1.3):
        y = stretch(x, speed)
        assert y.shape == (round(101 / speed), 3)
        np.testing.assert_allclose(y[:, 0], np.linspace(0, 100, len(y)), atol=1e-4)
    assert len(stretch(np.zeros((1, 3), np.float32), 2.0)) == 1


def test_a_warp_by_nothing_is_nothing_and_a_warp_moves_a_peak() -> None:
    random = np.random.RandomState(0)
    cepstra = random.randn(5, 13).astype(np.float32)
    np.testing.assert_allclose(warp_cepstra(cepstra, 1.0), cepstra, atol=1e-4)
    middles = (np.arange(400) + 0.5) / 400
    basis = np.cos(np.pi * middles[:, None] * np.arange(13))
    peak = np.linalg.pinv(basis) @ np.exp(-0.5 * ((middles - 0.5) / 0.1) ** 2)
    moved = [np.argmax(basis @ warp_cepstra(peak[None].astype(np.float32), f)[0]) for f in (0.9, 1.0, 1.1)]
    assert moved[0] > moved[1] > moved[2]


def test_masks_cover_no_more_than_they_may() -> None:
    random = np.random.default_rng(0)
    augment = SpecAugment(time_masks=2, time_frames=10, time_share=0.2, frequency_masks=1, frequency_width=4)
    for length in (1, 3, 40, 200):
        masked = augment(torch.ones(length, 9), random)
        assert int((masked == 0).all(dim=1).sum()) <= 2 * min(10, int(0.2 * length))
        assert int((masked == 0).all(dim=0).sum()) <= 4


def test_normalisers() -> None:
    torch.manual_seed(0)
    parts = [5 + 3 * torch.randn(length, 4) for length in (9, 30)]
    one = PerUtterance()(parts[0])
    torch.testing.assert_close(one.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(one.std(0, unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
    assert (PerUtterance()(torch.full((6, 4), 2.5)) == 0).all()
    whole = learn_normaliser("global", iter(parts))
    assert isinstance(whole, Global)
    together = torch.cat([whole(part) for part in parts])
    torch.testing.assert_close(together.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.std(0, unbiased=False), torch.ones(4), atol=1e-3, rtol=0)
    with pytest.raises(UserError, match="Did you mean 'global'"):
        learn_normaliser("globl", iter(parts))


def test_front_ends_are_made_again_from_facts() -> None:
    for frontend in (LogMel(8000, 23, speed=0.1), Cepstra(7, 50.0, warp=0.1)):
        assert from_facts(frontend.facts()).facts() == frontend.facts()


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_stereo_is_averaged_and_rates_are_brought_together(write_sound, form: str) -> None:
    time = np.arange(16000) / 16000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    path = write_sound(f"a.{form}", np.stack([tone, np.zeros_like(tone)], axis=1), 16000)
    mono = read_sound(path, 8000)
    assert mono.shape == (8000,)
    np.testing.assert_allclose(mono[200:-200], tone[::2][200:-200] / 2, atol=2e-3)


def test_what_is_no_sound_is_told_with_its_name(tmp_path: Path, write_sound) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF\x00\x00\x00\x00WAVEjunk")
    with pytest.raises(UserError, match=r"broken\.wav cannot be read as sound"):
        read_sound(broken, 8000)
    with pytest.raises(UserError, match="does not exist"):
        read_sound(tmp_path / "none.wav", 8000)
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(str(tmp_path / "nan.wav"), np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match="no numbers"):
        read_sound(tmp_path / "nan.wav", 8000)
    assert len(read_sound(write_sound("empty.wav", np.zeros(0)), 16000)) == 0


def test_a_cut_file_of_cepstra_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mfc"
    content = np.arange(26, dtype=">f4").tobytes()
    path.write_bytes((26).to_bytes(4, "big") + content)
    assert Cepstra(13).read(str(path)).tolist() == np.arange(26.0).reshape(2, 13).tolist()
    assert Cepstra(13).seconds(str(path)) == pytest.approx(0.02)
    path.write_bytes((26).to_bytes(4, "big") + content[:-3])
    with pytest.raises(UserError, match=r"a\.mfc is no file of cepstra"):
        Cepstra(13).read(str(path))
