"""Free Spoken Digit Dataset: official splits, strings of digits, missing files."""

from pathlib import Path

import pytest

from suite.errors import UserError
from tasks.speech.digits import parse_digits
from tests.speech.conftest import speech_data


@pytest.mark.parametrize(("digits", "trained"), [("null", "1-4"), ("1", "1"), ("3-5", "3-5")])
def test_the_test_split_is_the_official_one(data_dir: Path, digits: str, trained: str) -> None:
    module = speech_data("data=speech/fsdd", f"data.dir={data_dir}", f"data.digits={digits}")
    lengths = {"train": parse_digits(trained), "test": parse_digits("1" if digits == "null" else digits)}
    for one in module.utterances:
        fewest, most = lengths["train" if one.split == "train" else "test"]
        index = {int(Path(path).stem.split("_")[2]) for path in one.paths}
        assert (max(index) < 5) == (one.split == "test") or one.split != "test"
        assert {Path(path).stem.split("_")[1] for path in one.paths} == {one.speaker}
        assert fewest <= len(one.text.split()) <= most or len(one.paths) < most
    counts = [module.provenance()[f"num_{split}"] for split in ("train", "val", "test")]
    if digits != "3-5":
        assert counts[1:] == [300, 300]
        assert (counts[0] == 2400) == (digits == "1")
    number = next(n for n, one in enumerate(module.utterances) if one.split == "test")
    assert len(module.recording(number)) / 8000 == pytest.approx(module.utterances[number].seconds)


def test_test_digits_do_not_change_the_training_split(data_dir: Path) -> None:
    both = [
        speech_data("data=speech/fsdd", f"data.dir={data_dir}", "data.digits=2-3", f"data.test_digits={test}").facts()
        for test in (1, 5)
    ]
    assert both[0] == both[1]


def test_missing_data_name_the_data_sets_that_need_no_download(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fsdd was not found") as error:
        speech_data("data.source.url=null", f"data.dir={tmp_path}").facts()  # fsdd is the default
    assert "data=speech/synthetic " in str(error.value)
    assert "data=speech/synthetic_digits " in str(error.value)


def test_an_incomplete_copy_is_rejected(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "fsdd/recordings").mkdir(parents=True)
    for name in ("0_george_0.wav", "9_yweweler_49.wav"):
        (tmp_path / "fsdd/recordings" / name).write_bytes((data_dir / "fsdd/recordings" / name).read_bytes())
    with pytest.raises(UserError, match="has 2 of 3000 recordings"):
        speech_data("data=speech/fsdd", f"data.dir={tmp_path}").facts()


def test_the_recorded_hash_is_that_of_the_published_recordings(data_dir: Path) -> None:
    module = speech_data("data=speech/fsdd", f"data.dir={data_dir}")
    assert module.provenance()["sha256"] == {"recordings": module.reader.source.file_set.sha256}
