"""A folder in the layout of LibriSpeech."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.errors import UserError
from tests.speech.conftest import speech_data


def test_a_folder_gives_the_same_as_a_list_of_its_recordings(tmp_path: Path, write_sound) -> None:
    lines = []
    for speaker in range(4):
        for number in range(3):
            name = f"{speaker}-0-{number}"
            part = ("train", "dev", "test", "train")[speaker]
            path = write_sound(f"{part}-x/{speaker}/{name}.wav", 0.1 * np.sin(np.arange(4000 + 400 * number)))
            with path.with_name(f"{speaker}-0.trans.txt").open("a") as stream:
                stream.write(f"{name} SO {'AB'[number % 2]}\n")
            split = {"dev": "val"}.get(part, part)
            row = {"audio": str(path.relative_to(tmp_path)), "text": f"SO {'AB'[number % 2]}", "split": split}
            lines.append(json.dumps({**row, "speaker": str(speaker)}))
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    small = ["data.frontend.rate=8000", "data.frontend.num_mels=11"]
    folder = speech_data("data=speech/folder", f"data.path={tmp_path}", *small)
    listed = speech_data("data=speech/manifest", f"data.path={tmp_path / 'list.jsonl'}", *small)
    assert folder.facts() == listed.facts()
    assert [one[2:] for one in folder.utterances] == [
        one[2:] for one in sorted(listed.utterances, key=lambda u: u.paths)
    ]
    for name in ("val", "test"):
        ours, theirs = next(iter(folder.split_dataloader(name))), next(iter(listed.split_dataloader(name)))
        torch.testing.assert_close(ours.features, theirs.features)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the folder .*none does not exist"):
        speech_data("data=speech/folder", f"data.path={tmp_path / 'none'}").facts()
