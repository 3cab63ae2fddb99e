"""Recordings of all kinds become text, times and notes; what cannot be read is named."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.api.model import load
from suite.config.compose import compose
from suite.draw.speech import draw_alignment
from suite.errors import UserError
from suite.training.run.launch import launch
from tasks.speech.features import Cepstra, LogMel
from tasks.speech.recordings import cut_at_pauses
from tasks.speech.search.align import align
from tasks.speech.synthetic import Tones
from tasks.speech.units import BLANK
from tests.cli.conftest import Attn
from tests.speech.conftest import SMALL

RATE = 8000
Tone = tuple[np.ndarray, str]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("speech") / "run"
    net = ["model.encoder.embed_dim=32", "model.encoder.num_layers=1", "model.encoder.hidden_dim=48"]
    masks = ["data.spec_augment.time_masks=0", "data.spec_augment.frequency_masks=0"]
    train = ["data.num_utterances=200", "data.batch_frames=300", "trainer.max_epochs=20", "optim.lr=5e-3"]
    loss = ["callbacks.averaging.decay=0.8", "module.loss.ctc_weight=0.7"]
    more = [*net, *masks, *train, *loss, "model.decoder.embed_dim=24"]
    launch(compose(["task=speech", "data=speech/synthetic", *SMALL, *more, f"run_dir={run}"]))
    return run / "checkpoints/best.ckpt"


@pytest.fixture(scope="module")
def tones(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Tone:
    """Samples and text of an utterance that nobody trained on, the longest of those that are recognised."""
    soundfile = pytest.importorskip("soundfile")
    reader, frontend = Tones(20, 3, 3, 7), LogMel(RATE)
    drawn = sorted(reader.read(None, frontend), key=lambda one: -one.seconds)  # type: ignore[arg-type]
    path, predictor = tmp_path_factory.mktemp("tones") / "a.wav", load(checkpoint).predictor
    right = []
    for one in drawn:
        samples = reader.recording(one, frontend)
        soundfile.write(str(path), samples, RATE)
        right += [(samples, one.text)] if next(predictor.predict([path]))["text"] == one.text else []
    assert len(right) >= 14
    return right[0]


def test_it_learns_and_transcribes_a_new_recording(checkpoint: Path, write_sound, tones: Tone) -> None:
    result = json.loads((checkpoint.parents[1] / "result.json").read_text())
    assert result["test/wer"] < 0.25
    samples, text = tones
    (told,) = load(checkpoint).predictor.predict([write_sound("a.wav", samples)])
    assert told["text"] == text
    assert told["notes"] == []
    assert 0.0 < told["confidence"] <= 1.0
    assert [word["word"] for word in told["words"]] == text.split()
    times = [time for word in told["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] <= len(samples) / RATE + 0.05


@pytest.mark.parametrize(
    ("name", "make", "note"),
    [
        ("empty", lambda x: x[:0], "nothing to read"),
        ("ten_ms", lambda x: x[:80], "nothing to read"),
        ("silent", lambda x: 0 * x, "silent"),
    ],
)
def test_what_holds_nothing_has_no_text_and_says_so(
    checkpoint: Path, write_sound, name: str, make, note: str, tones: Tone
) -> None:
    (told,) = load(checkpoint).predictor.predict([write_sound(f"{name}.wav", make(tones[0]))])
    assert (told["text"], told["words"]) == ("", [])
    assert note in told["notes"][0]


def test_stereo_another_rate_and_clipping_are_read_and_noted(checkpoint: Path, write_sound, tones: Tone) -> None:
    samples, text = tones
    predictor = load(checkpoint).predictor
    (told,) = predictor.predict([write_sound("stereo.flac", np.stack([samples, samples], 1))])
    assert told["text"] == text
    assert told["notes"] == ["2 channels averaged"]
    double = np.repeat(samples, 2)  # a crude 16 kHz
    (told,) = predictor.predict([write_sound("double.wav", double, 2 * RATE)])
    assert told["text"] == text
    assert told["notes"] == ["resampled from 16000 to 8000 samples a second"]
    (told,) = predictor.predict([write_sound("loud.wav", np.clip(9 * samples, -1, 1))])
    assert "clipped" in told["notes"][0]


def test_a_long_recording_is_read_in_pieces_and_says_so(checkpoint: Path, write_sound, tones: Tone) -> None:
    samples, text = tones
    long = np.concatenate([samples] * 6)
    (told,) = load(checkpoint, "predict.max_seconds=1.0").predictor.predict([write_sound("long.wav", long)])
    assert "pieces" in told["notes"][-1]
    assert told["words"][-1]["end"] <= len(long) / RATE + 0.05
    assert len(told["words"]) >= 3 * len(text.split())


@pytest.mark.parametrize("shape", [(901,), (901, 13)])
def test_pieces_are_short_enough_and_lose_nothing(shape: tuple[int, ...]) -> None:
    recording = np.random.RandomState(0).randn(*shape).astype(np.float32)
    frontend = LogMel(100) if len(shape) == 1 else None
    pieces = cut_at_pauses(recording, frontend or Cepstra(), 2.0)
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), recording)
    assert max(len(piece) for _, piece in pieces) <= 200
    starts = np.cumsum([0, *(len(piece) for _, piece in pieces)])[:-1] / 100
    np.testing.assert_allclose([start for start, _ in pieces], starts)


def test_the_best_path_is_the_best_of_all_paths() -> None:
    torch.manual_seed(0)
    for units in ([3], [3, 3], [2, 4, 2], []):
        log_probs = torch.randn(6, 5).log_softmax(-1)
        best, told = -np.inf, None
        for path in itertools.product(range(5), repeat=6):
            if [unit for unit, _ in itertools.groupby(path) if unit != BLANK] == units:
                score = float(sum(log_probs[t, unit] for t, unit in enumerate(path)))
                if score > best:
                    best, told = score, path
        assert told is not None
        runs = [
            [place for place, _ in group]
            for unit, group in itertools.groupby(enumerate(told), key=lambda pair: pair[1])
            if unit != BLANK
        ]
        assert [(run[0], run[-1] + 1) for run in runs] == [(span.start, span.end) for span in align(log_probs, units)]
    assert align(torch.randn(2, 5), [3, 3]) == []


def test_predict_on_the_command_line_reads_folders_and_draws(
    checkpoint: Path, attn: Attn, write_sound, tmp_path: Path, tones: Tone
) -> None:
    samples, text = tones
    for number in range(2):
        write_sound(f"in/{number}.wav", samples)
    out = tmp_path / "out.jsonl"
    done = attn(
        "predict", f"ckpt={checkpoint}", f"input={tmp_path / 'in'}", f"output={out}", f"predict.pictures={tmp_path}"
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["text"] for one in told] == [text, text]
    assert (tmp_path / "0.png").read_bytes().startswith(b"\x89PNG")


def test_bad_input_is_named(checkpoint: Path, tmp_path: Path) -> None:
    predictor = load(checkpoint).predictor
    (tmp_path / "broken.flac").write_bytes(b"fLaC\x00\x00")
    with pytest.raises(UserError, match=r"broken\.flac cannot be read as sound"):
        list(predictor.predict([tmp_path / "broken.flac"]))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="holds no recording"):
        list(predictor.read(str(tmp_path / "nothing")))
    with pytest.raises(UserError, match=r"predict\.max_seconds=0"):
        load(checkpoint, "predict.max_seconds=0").predict([])


def test_a_picture_needs_a_row_for_every_unit() -> None:
    with pytest.raises(ValueError, match="got 3 rows for 2 units"):
        draw_alignment(torch.rand(4, 3), torch.rand(3, 2), ["a", "b"], 1.0)
