"""What tests of speech need: a small network of each kind, and recordings on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.config.compose import compose
from suite.training.build import build_module
from tasks.speech.models.recognizer import Recogniser
from tasks.speech.units import SPECIAL
from tests.cli.conftest import attn

__all__ = ["attn"]

SMALL = [
    "model.encoder.embed_dim=16",
    "model.encoder.num_layers=2",
    "model.encoder.num_heads=2",
    "model.encoder.hidden_dim=24",
    "model.encoder.kernel_size=5",
    "model.decoder.embed_dim=12",
    "model.decoder.num_layers=1",
    "model.decoder.num_heads=2",
    "model.decoder.hidden_dim=24",
]
SMALL_LAS = ["model.encoder.hidden_dim=9", "model.encoder.num_layers=1", "model.decoder.embed_dim=12"]
SMALL_LSTM = [*SMALL_LAS, *SMALL[-2:]]
FACTS = {
    "num_features": 5,
    "units": {"kind": "characters", "names": [*SPECIAL, " ", "a", "b", "c"]},
    "transcripts": ["ab", "a b", "cab", "b"],
    "frames_per_unit": 6.8,
}


def network(*overrides: str, model: str = "speech/ctc_attention") -> Recogniser:
    """A small network in evaluation, its weights drawn from seed 0."""
    torch.manual_seed(0)
    small = SMALL if model == "speech/ctc_attention" else SMALL_LAS
    config = compose(["task=speech", "data=speech/synthetic", f"model={model}", *small, *overrides])
    net = build_module(config, FACTS).net.eval()
    assert isinstance(net, Recogniser)
    return net


@pytest.fixture
def write_sound(tmp_path: Path):
    """Writes samples as a sound file below the test's folder; returns its path."""
    soundfile = pytest.importorskip("soundfile")

    def write(name: str, samples: np.ndarray, rate: int = 8000) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(path), samples, rate)
        return path

    return write
