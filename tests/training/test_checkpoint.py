"""Checkpoints are written whole, read with a check of every byte, and refused in plain words."""

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.errors import UserError
from suite.training import checkpoint

CONTENT = {"schema": checkpoint.SCHEMA, "config": {"seed": 1}, "facts": {"num_classes": 3}, "state_dict": {}}


def written(path: Path) -> Path:
    checkpoint.save(path, {**CONTENT, "state_dict": {"weight": torch.arange(999.0)}})
    return path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    content = checkpoint.load(written(tmp_path / "a.ckpt"))
    assert content["facts"] == {"num_classes": 3}
    assert torch.equal(content["state_dict"]["weight"], torch.arange(999.0))
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


@given(st.floats(0, 1, exclude_max=True))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_truncation_is_detected_and_named(tmp_path: Path, part: float) -> None:
    path = written(tmp_path / "cut.ckpt")
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(UserError, match="cut.ckpt"):
        checkpoint.load(path)


def test_every_flipped_bit_of_the_weights_is_detected(tmp_path: Path) -> None:
    whole = written(tmp_path / "flip.ckpt").read_bytes()
    start = whole.index(torch.arange(999.0).numpy().tobytes())
    for place in range(start, start + 3996, 97):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        (tmp_path / "flip.ckpt").write_bytes(flipped)
        with pytest.raises(UserError, match=r"flip\.ckpt is damaged"):
            checkpoint.load(tmp_path / "flip.ckpt")


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (self.canary,)


def test_a_planted_payload_is_refused_and_never_run(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "bad.ckpt"
    torch.save({**CONTENT, "state_dict": Payload(canary)}, path)
    with pytest.raises(UserError, match=r"bad\.ckpt cannot be read as a checkpoint of plain types"):
        checkpoint.load(path)
    path.write_bytes(pickle.dumps(Payload(canary)))
    with pytest.raises(UserError, match="is not a checkpoint"):
        checkpoint.load(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [({"a": 1}, "not a checkpoint of this suite"), ({**CONTENT, "schema": 99}, "schema 99"), ([1], "not a checkpoint")],
)
def test_other_torch_files_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=message):
        checkpoint.load(tmp_path / "other.ckpt")


def test_a_missing_file_says_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint at .*gone.ckpt; pass ckpt="):
        checkpoint.load(tmp_path / "gone.ckpt")


def test_a_failed_write_leaves_the_last_good_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.ckpt")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        checkpoint.save(path, CONTENT)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ckpt"]
