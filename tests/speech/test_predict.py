"""The predictor recognizes files and samples; its attention, pictures, notes and errors."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import suite
from suite.api.model import Model
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.run.launch import launch
from tasks.speech.features import LogMel
from tasks.speech.synthetic import Tones
from tests.cli.conftest import Attn
from tests.speech.conftest import SMALL

RATE = 8000
Tone = tuple[np.ndarray, str]
WriteSound = Callable[..., Path]


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
def model(checkpoint: Path) -> Model:
    return suite.load(checkpoint)


@pytest.fixture(scope="module")
def tones(model: Model) -> Tone:
    """Samples and text of the longest new utterance that is recognized without errors."""
    reader, frontend = Tones(20, 3, 3, 7), LogMel(RATE, 16)
    utterances = sorted(reader.read(None, frontend), key=lambda one: -one.seconds)  # type: ignore[arg-type]
    samples = [reader.recording(one, frontend) for one in utterances]
    answers = model.predict([(one, RATE) for one in samples])
    right = [
        (recording, one.text)
        for recording, one, answer in zip(samples, utterances, answers, strict=True)
        if answer["text"] == one.text
    ]
    assert len(right) >= 14
    return right[0]


def test_training_gives_a_low_error_rate(checkpoint: Path) -> None:
    assert json.loads((checkpoint.parents[1] / "result.json").read_text())["test/wer"] < 0.25


def test_a_file_and_its_samples_have_the_same_text(model: Model, write_sound: WriteSound, tones: Tone) -> None:
    samples, text = tones
    from_file, from_samples = model.predict([write_sound("a.wav", samples), (samples, RATE)])
    assert from_file["text"] == from_samples["text"] == text
    assert from_file["notes"] == from_samples["notes"] == []
    assert from_file["audio"].endswith("a.wav")
    assert 0.0 < from_file["confidence"] <= 1.0
    assert [word["word"] for word in from_file["words"]] == text.split()
    times = [time for word in from_file["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] <= len(samples) / RATE + 0.05


def test_stereo_at_another_rate_is_recognized_and_noted(model: Model, tones: Tone) -> None:
    samples, text = tones
    double = np.repeat(np.stack([samples, samples], 1), 2, axis=0)  # a crude change of the rate
    (answer,) = model.predict([(double, 2 * RATE)])
    assert answer["text"] == text
    assert answer["notes"] == ["mean of 2 channels", "resampled from 16000 to 8000 Hz"]


def test_a_silent_recording_has_no_text_and_no_weights(model: Model) -> None:
    silent = (np.zeros(RATE, np.float32), RATE)
    (answer,), (weights,), (picture,) = model.predict([silent]), model.attention([silent]), model.draw([silent])
    assert (answer["text"], answer["words"]) == ("", [])
    assert answer["notes"] == ["silent: no text"]
    assert next(iter(weights.values())).weights.shape == (0, 0)
    assert "silent" in str(picture.content)


def test_the_attention_of_every_unit_is_over_frames_with_their_times(model: Model, tones: Tone) -> None:
    samples, text = tones
    ((name, attention),) = model.attention([(samples, RATE)])[0].items()
    assert name == attention.layer
    assert isinstance(model.net.get_submodule(name), type(model.net.decoder.blocks[-1].cross_attention))
    units, frames = attention.axes
    assert (units.kind, units.labels) == ("units", (*text.split(), "end"))
    np.testing.assert_allclose(attention.weights.sum(axis=1), 1.0, rtol=1e-5)
    assert frames.kind == "frames"
    assert frames.coordinates is not None
    assert frames.coordinates[0].tolist() == [0.0, 0.04]
    assert abs(frames.coordinates[-1, 1] - len(samples) / RATE) < 0.08


def test_a_long_recording_is_recognized_in_chunks(checkpoint: Path, tones: Tone) -> None:
    samples, text = tones
    long = (np.concatenate([samples] * 6), RATE)
    model = suite.load(checkpoint, "predict.max_seconds=1.0")
    (answer,), (weights,) = model.predict([long]), model.attention([long])
    assert "chunks" in answer["notes"][-1]
    assert answer["words"][-1]["end"] <= len(long[0]) / RATE + 0.05
    assert len(answer["words"]) >= 3 * len(text.split())
    attention = next(iter(weights.values()))
    np.testing.assert_allclose(attention.weights.sum(axis=1), 1.0, rtol=1e-5)
    assert attention.axes[0].labels.count("end") == int(answer["notes"][-1].split(" in ")[1].split()[0])
    times = attention.axes[1].coordinates
    assert times is not None
    assert (np.diff(times[:, 0]) > 0).all()


def test_a_picture_is_a_png_with_the_name_of_the_file(model: Model, write_sound: WriteSound, tones: Tone) -> None:
    (picture,) = model.draw([write_sound("a b.wav", tones[0])])
    assert picture.file_name == "a-b.png"
    assert isinstance(picture.content, bytes)
    assert picture.content.startswith(b"\x89PNG")


def test_labelled_recordings_are_evaluated(model: Model, write_sound: WriteSound, tmp_path: Path, tones: Tone) -> None:
    samples, text = tones
    write_sound("a.wav", samples)
    (tmp_path / "list.jsonl").write_text(json.dumps({"audio": "a.wav", "text": text}))
    metrics = model.evaluate(tmp_path / "list.jsonl")
    assert metrics["wer"] == 0.0
    (tmp_path / "list.jsonl").write_text(json.dumps({"audio": "a.wav", "text": f"{text} nine"}))
    assert model.evaluate(tmp_path / "list.jsonl")["deletions"] == pytest.approx(1 / (len(text.split()) + 1))


def test_the_command_reads_folders_and_draws(
    checkpoint: Path, attn: Attn, write_sound: WriteSound, tmp_path: Path, tones: Tone
) -> None:
    samples, text = tones
    for number in range(2):
        write_sound(f"in/{number}.wav", samples)
    output = tmp_path / "out.jsonl"
    done = attn("predict", f"ckpt={checkpoint}", f"input={tmp_path / 'in'}", f"output={output}", f"draw={tmp_path}")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in output.read_text().splitlines()]
    assert [one["text"] for one in answers] == [text, text]
    assert (tmp_path / "0.png").read_bytes().startswith(b"\x89PNG")


def test_a_recording_that_cannot_be_read_is_named(model: Model, tmp_path: Path) -> None:
    (tmp_path / "broken.flac").write_bytes(b"fLaC\x00\x00")
    with pytest.raises(UserError, match=r"broken\.flac cannot be read as sound"):
        model.predict([tmp_path / "broken.flac"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="contains no recordings"):
        model.predict(tmp_path / "nothing")


@pytest.mark.parametrize("record", [3, (np.zeros(5, np.int16), RATE), (np.zeros((2, 2, 2)), RATE), (np.zeros(5), 0)])
def test_a_record_of_another_type_is_rejected(model: Model, record: object) -> None:
    with pytest.raises(UserError, match="a recording must be the path of a file, or a pair"):
        model.predict([record])


def test_values_out_of_range_are_rejected(checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"predict\.max_seconds must be above 0, got 0"):
        suite.load(checkpoint, "predict.max_seconds=0").predict([])


def test_standard_input_lists_paths(
    model: Model, write_sound: WriteSound, tones: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sound("a.wav", tones[0])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{path}\n\n"))
    assert [one["text"] for one in model.predict("-")] == [tones[1]]


@pytest.mark.parametrize(("name", "content"), [("a.csv", "audio\n{}\n"), ("a.jsonl", '{{"audio": "{}", "text": "x"}}')])
def test_a_table_lists_paths(
    model: Model, write_sound: WriteSound, tmp_path: Path, tones: Tone, name: str, content: str
) -> None:
    write_sound("in/a.wav", tones[0])
    (tmp_path / name).write_text(content.format("in/a.wav"))
    assert [one["text"] for one in model.predict(tmp_path / name)] == [tones[1]]
    (tmp_path / name).write_text(content.format("in/b.wav"))
    with pytest.raises(UserError, match=rf"{name}, line \d: .*b\.wav does not exist"):
        model.predict(tmp_path / name)
