"""Small networks and sound files for the tests of speech."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from suite.config.compose import compose
from suite.training.build import build_data, build_module
from tasks.speech.data import SpeechData
from tasks.speech.models.encoder import EncodedSpeech
from tasks.speech.models.recognizer import Recognizer
from tasks.speech.units import SPECIAL
from tasks.speech.utterances import Utterance
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


def network(*overrides: str, model: str = "speech/ctc_attention") -> Recognizer:
    """A small network in evaluation mode with random weights."""
    torch.manual_seed(0)
    small = SMALL if model == "speech/ctc_attention" else SMALL_LAS
    config = compose(["task=speech", "data=speech/synthetic", f"model={model}", *small, *overrides])
    net = build_module(config, FACTS).net.eval()
    assert isinstance(net, Recognizer)
    return net


def encode_noise(net: Recognizer, *lengths: int) -> EncodedSpeech:
    """Random features of some lengths, encoded."""
    torch.manual_seed(1)
    features = torch.randn(len(lengths), max(lengths), 5)
    return net.encode(features, torch.tensor(lengths))


def speech_data(*overrides: str) -> Any:
    data = build_data(compose(["task=speech", *overrides]))
    assert isinstance(data, SpeechData)
    return data


def utterance(name: str, text: str = "a b", speaker: str = "", split: str = "") -> Utterance:
    return Utterance(name, (name,), text, speaker, split, 1.0)


@pytest.fixture
def write_sound(tmp_path: Path) -> Callable[..., Path]:
    """Writes samples to a sound file below the folder of the test; returns its path."""
    soundfile = pytest.importorskip("soundfile")

    def write(name: str, samples: np.ndarray, rate: int = 8000) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(path), samples, rate)
        return path

    return write
