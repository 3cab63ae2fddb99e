"""Stated splits are not changed; other splits are drawn by whole speakers."""

import pytest

from suite.errors import UserError
from tasks.speech.split import SpeakerSplit
from tests.speech.conftest import utterance


def test_whole_speakers_are_drawn() -> None:
    ones = [utterance(f"{speaker}-{n}", speaker=f"s{speaker}") for speaker in range(20) for n in range(5)]
    drawn = SpeakerSplit(0.2, 0.1, seed=3).assign(ones)
    assert drawn == SpeakerSplit(0.2, 0.1, seed=3).assign(ones) != SpeakerSplit(0.2, 0.1, seed=4).assign(ones)
    members = {split: {one.speaker for one in drawn if one.split == split} for split in ("train", "val", "test")}
    assert [len(members[split]) for split in ("train", "val", "test")] == [14, 4, 2]


def test_stated_splits_are_kept() -> None:
    ones = [utterance(f"{n}", speaker=f"s{n // 5}", split="test" if n < 7 else "") for n in range(100)]
    assert [one.name for one in SpeakerSplit(0.2, 0.5).assign(ones) if one.split == "test"] == [
        one.name for one in ones[:7]
    ]


@pytest.mark.parametrize("speakers", [1, 2])
def test_with_few_speakers_single_utterances_are_drawn(speakers: int) -> None:
    ones = [utterance(f"{n}", speaker=f"s{n % speakers}") for n in range(40)]
    drawn = SpeakerSplit(0.1, 0.1).assign(ones)
    assert [sum(one.split == split for one in drawn) for split in ("train", "val", "test")] == [32, 4, 4]


def test_an_empty_split_is_rejected() -> None:
    with pytest.raises(UserError, match="The train split is empty"):
        SpeakerSplit(0.1, 0.1).assign([utterance("a"), utterance("b")])
