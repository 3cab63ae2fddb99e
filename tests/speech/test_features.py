"""Front ends: log-mel features against torchaudio, differences against a slow loop, broken files of cepstra."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.errors import UserError
from tasks.speech.features import FLOOR, Cepstra, LogMel, differences, frontend_from_facts


@pytest.mark.parametrize(("rate", "mels"), [(16000, 80), (8000, 23), (11025, 40)])
def test_log_mel_equals_torchaudio(rate: int, mels: int) -> None:
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


def test_differences_are_slopes_of_regression_lines() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 3)
    for t in range(7):
        slow = sum(k * (x[min(t + k, 6)] - x[max(t - k, 0)]) for k in (1, 2)) / 10
        torch.testing.assert_close(differences(x)[t], slow)
    torch.testing.assert_close(differences(torch.arange(9.0)[:, None])[2:-2], torch.ones(5, 1))


def test_front_ends_are_restored_from_facts() -> None:
    for frontend in (LogMel(8000, 23, speed=0.1), Cepstra(7, 50.0, warp=0.1)):
        assert frontend_from_facts(frontend.facts()).facts() == frontend.facts()


def test_a_truncated_file_of_cepstra_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.mfc"
    content = np.arange(26, dtype=">f4").tobytes()
    path.write_bytes((26).to_bytes(4, "big") + content)
    assert Cepstra(13).read(str(path)).tolist() == np.arange(26.0).reshape(2, 13).tolist()
    assert Cepstra(13).seconds(str(path)) == pytest.approx(0.02)
    path.write_bytes((26).to_bytes(4, "big") + content[:-3])
    with pytest.raises(UserError, match=r"a\.mfc is not a file of cepstra"):
        Cepstra(13).read(str(path))
