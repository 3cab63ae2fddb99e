"""Checkpoints are written whole, read with a check of every byte, and refused in plain words."""

import os
import pickle
import random
import resource
import signal
from pathlib import Path

import pytest
import torch

from suite.errors import UserError
from suite.training.callbacks.signals import Interrupted
from suite.training.state import checkpoint_file
from tests.training import forked

CONTENT = {"schema": checkpoint_file.SCHEMA, "config": {"seed": 1}, "facts": {"num_classes": 3}, "state_dict": {}}


def written(path: Path) -> Path:
    checkpoint_file.save(path, {**CONTENT, "state_dict": {"weight": torch.arange(999.0)}})
    return path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    content = checkpoint_file.load(written(tmp_path / "a.ckpt"))
    assert content["facts"] == {"num_classes": 3}
    assert torch.equal(content["state_dict"]["weight"], torch.arange(999.0))
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def pair(folder: Path) -> Path:
    """A folder with the last checkpoint and the one before it."""
    for number in (1, 2):
        content = {**CONTENT, "state_dict": {"weight": torch.arange(999.0) * number}, "position": number}
        checkpoint_file.save(folder / checkpoint_file.LAST, content, folder / checkpoint_file.PREVIOUS)
    return folder / checkpoint_file.LAST


def check_recovered(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The broken file is named, and the one before it taken."""
    caplog.clear()
    with pytest.raises(UserError, match=r"last\.ckpt"):
        checkpoint_file.load(folder / checkpoint_file.LAST)
    path, content = checkpoint_file.recover(folder)
    assert (path.name, content["position"]) == ("previous.ckpt", 1)
    assert "last.ckpt" in caplog.text


def test_twenty_truncations_are_detected_and_recovered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = pair(tmp_path).read_bytes()
    assert checkpoint_file.recover(tmp_path)[1]["position"] == 2
    rng = random.Random(0)
    for size in [0, 1, len(whole) - 1, len(whole) - 64, len(whole) - 66, *rng.sample(range(len(whole)), 15)]:
        (tmp_path / checkpoint_file.LAST).write_bytes(whole[:size])
        check_recovered(tmp_path, caplog)


def test_a_hundred_flipped_bits_are_detected_and_recovered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Anywhere in the file: weights, pickle, zip headers, padding, digest."""
    whole = pair(tmp_path).read_bytes()
    rng = random.Random(1)
    ending = [8 * len(whole) - bit for bit in rng.sample(range(1, 8 * 88), 20)]  # the digest and the end record
    for bit in [*ending, *rng.sample(range(8 * len(whole)), 80)]:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << (bit % 8)
        (tmp_path / checkpoint_file.LAST).write_bytes(flipped)
        check_recovered(tmp_path, caplog)


def test_files_without_a_digest_are_checked_by_their_crcs(tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    torch.save({**CONTENT, "schema": 1, "state_dict": {"weight": torch.arange(999.0)}}, path)
    assert checkpoint_file.load(path)["schema"] == 1
    whole = bytearray(path.read_bytes())
    whole[whole.index(torch.arange(999.0).numpy().tobytes()) + 7] ^= 1
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"old\.ckpt is damaged \(entry .* fails its checksum\)"):
        checkpoint_file.load(path)


def test_nothing_good_left_names_every_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint in"):
        checkpoint_file.recover(tmp_path)
    pair(tmp_path)
    for name in (checkpoint_file.LAST, checkpoint_file.PREVIOUS):
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(UserError, match=r"no undamaged checkpoint is left.*last\.ckpt.*previous\.ckpt"):
        checkpoint_file.recover(tmp_path)


def save_for_ever(folder: Path) -> None:
    """Save again and again; what is saved says how often."""
    weight, number = torch.zeros(200_000), 0
    while True:
        number += 1
        content = {**CONTENT, "state_dict": {"weight": weight + number}, "position": number}
        checkpoint_file.save(folder / checkpoint_file.LAST, content, folder / checkpoint_file.PREVIOUS)


def check_kills(folder: Path, kills: int) -> int:
    """Kill ``kills`` saves at random moments; how many files were broken."""
    rng, broken, stale = random.Random(2), 0, 0
    environment = {"TMPDIR": "/dev/shm"}  # another file system
    for _ in range(kills):
        process = forked.start(save_for_ever, folder, environment=environment)
        process.join(rng.uniform(0.05, 0.25))
        process.kill()
        process.join()
        stale += len(list(folder.glob(".*.tmp-*")))
        checkpoint_file.sweep(folder)
        for path in folder.iterdir():
            content = checkpoint_file.load(path)
            broken += not bool((content["state_dict"]["weight"] == content["position"]).all())
        checkpoint_file.recover(folder)
    assert stale, "no kill fell into a save"
    return broken


def test_kills_during_saves_leave_no_broken_file(tmp_path: Path) -> None:
    assert check_kills(tmp_path, 8) == 0


@pytest.mark.slow
def test_fifty_kills_during_saves_leave_no_broken_file(tmp_path: Path) -> None:
    assert check_kills(tmp_path, 50) == 0


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (self.canary,)


def test_a_planted_payload_is_refused_and_never_run(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "bad.ckpt"
    torch.save({**CONTENT, "state_dict": Payload(canary)}, path)
    with pytest.raises(UserError, match=r"bad\.ckpt cannot be read as a checkpoint of plain types"):
        checkpoint_file.load(path)
    path.write_bytes(pickle.dumps(Payload(canary)))
    with pytest.raises(UserError, match="is not a checkpoint"):
        checkpoint_file.load(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [({"a": 1}, "not a checkpoint of this suite"), ({**CONTENT, "schema": 99}, "schema 99"), ([1], "not a checkpoint")],
)
def test_other_torch_files_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=message):
        checkpoint_file.load(tmp_path / "other.ckpt")


def test_a_missing_file_says_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint at .*gone.ckpt; pass ckpt="):
        checkpoint_file.load(tmp_path / "gone.ckpt")


def fill_the_disk(path: Path) -> None:
    """A save that the kernel stops in its middle: no file of this process may pass 1000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        checkpoint_file.save(
            path, {**CONTENT, "state_dict": {"weight": torch.arange(999.0)}}, path.with_name("previous")
        )
    except UserError as error:
        assert str(error).startswith(f"could not write checkpoint {path}: File too large. The one before it is intact")
        os._exit(7)


def test_a_full_disk_leaves_the_last_good_file_and_one_message(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ckpt")
    before = path.read_bytes()
    assert forked.join([forked.start(fill_the_disk, path)]) == [7]
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_a_signal_inside_a_save_is_raised_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """torch raises an error of its own over the exception that stops its writer."""
    path = tmp_path / "last.ckpt"
    checkpoint_file.save(path, CONTENT)
    before = path.read_bytes()
    write, seen = checkpoint_file._Hashing.write, []

    def interrupted(self: checkpoint_file._Hashing, data: object) -> int:
        seen.append(data)
        if len(seen) == calls:
            raise Interrupted(signal.SIGINT)
        return write(self, data)

    monkeypatch.setattr(checkpoint_file._Hashing, "write", interrupted)
    with pytest.raises(Interrupted):
        checkpoint_file.save(path, CONTENT, path.with_name("previous"))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
