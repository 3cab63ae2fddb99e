"""Corpora of every form, their parts, units and batches."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data
from tasks.speech.batch import Batches, SpeechBatch
from tasks.speech.data import needed_positions
from tasks.speech.readers.fsdd import parse_digits
from tasks.speech.split import assign
from tasks.speech.units import UNKNOWN, Characters, Words, from_facts, learn
from tasks.speech.utterances import Utterance


def data(*overrides: str):
    return build_data(compose(["task=speech", *overrides]))


def utterance(name: str, text: str = "a b", speaker: str = "", part: str = "") -> Utterance:
    return Utterance(name, (name,), text, speaker, part, 1.0)


def test_an4_is_what_its_readme_says(data_dir: Path) -> None:
    module = data("data=speech/an4", f"data.dir={data_dir}")
    told, facts = module.provenance(), module.facts()
    assert told["num_train"] + told["num_val"] == 948
    assert told["num_test"] == 130
    tested = [one for one in module.utterances if one.part == "test"]
    assert sum(len(one.text.split()) for one in tested) == 773
    speakers = [{one.speaker for one in module.utterances if one.part == part} for part in ("train", "val", "test")]
    assert len(set.union(*speakers)) == sum(map(len, speakers))
    assert facts["num_features"] == 39
    assert len(facts["units"]["names"]) == 3 + 27
    batch = next(iter(module.train_dataloader()))
    assert batch.features.shape[2] == 39
    assert [one.replace(" ", "") for one in batch.texts] == [
        module.units.decode(row[:n].tolist()).replace(" ", "")
        for row, n in zip(batch.targets, batch.target_lengths, strict=True)
    ]


@pytest.mark.parametrize(("digits", "trained"), [("null", "1-4"), ("1", "1"), ("3-5", "3-5")])
def test_fsdd_tests_what_its_authors_test(data_dir: Path, digits: str, trained: str) -> None:
    module = data("data=speech/fsdd", f"data.dir={data_dir}", f"data.digits={digits}")
    lengths = {"train": parse_digits(trained), "test": parse_digits("1" if digits == "null" else digits)}
    for one in module.utterances:
        fewest, most = lengths["train" if one.part == "train" else "test"]
        index = {int(Path(path).stem.split("_")[2]) for path in one.parts}
        assert (max(index) < 5) == (one.part == "test") or one.part != "test"
        assert {Path(path).stem.split("_")[1] for path in one.parts} == {one.speaker}
        assert fewest <= len(one.text.split()) <= most or len(one.parts) < most
    counts = [module.provenance()[f"num_{part}"] for part in ("train", "val", "test")]
    if digits != "3-5":
        assert counts[1:] == [300, 300]
        assert (counts[0] == 2400) == (digits == "1")
    number = next(n for n, one in enumerate(module.utterances) if one.part == "test")
    assert len(module.recording(number)) / 8000 == pytest.approx(module.utterances[number].seconds)


def test_other_test_digits_leave_training_as_it_is(data_dir: Path) -> None:
    both = [
        data("data=speech/fsdd", f"data.dir={data_dir}", "data.digits=2-3", f"data.test_digits={test}").facts()
        for test in (1, 5)
    ]
    assert both[0] == both[1]


def test_a_manifest_and_a_folder_give_the_same(tmp_path: Path, write_sound) -> None:
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
    folder = data("data=speech/folder", f"data.path={tmp_path}", *small)
    listed = data("data=speech/manifest", f"data.path={tmp_path / 'list.jsonl'}", *small)
    assert folder.facts() == listed.facts()
    assert [one[2:] for one in folder.utterances] == [
        one[2:] for one in sorted(listed.utterances, key=lambda u: u.parts)
    ]
    for part in ("val", "test"):
        ours, theirs = next(iter(folder.split_dataloader(part))), next(iter(listed.split_dataloader(part)))
        torch.testing.assert_close(ours.features, theirs.features)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "line 1 is not JSON"),
        ('{"audio": "a.wav"}', 'no text under "text"'),
        ('{"audio": "none.wav", "text": "a"}', "does not exist"),
        ('{"audio": "a.wav", "text": "a", "duration": "long"}', "no number of seconds"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, write_sound, line: str, wrong: str) -> None:
    write_sound("a.wav", np.zeros(800))
    (tmp_path / "list.jsonl").write_text(line)
    with pytest.raises(UserError, match=wrong):
        data("data=speech/manifest", f"data.path={tmp_path / 'list.jsonl'}")


def test_what_cannot_be_learnt_is_left_out_of_training_and_told(
    tmp_path: Path, write_sound, caplog: pytest.LogCaptureFixture
) -> None:
    rows = []
    for number, part in enumerate(["train"] * 4 + ["val", "test"]):
        write_sound(f"{number}.wav", 0.1 * np.sin(np.arange(8000)))
        rows.append({"audio": f"{number}.wav", "text": "ab", "split": part, "duration": 1.0})
    rows[0]["text"] = "abc" * 20  # in 25 positions
    rows[1]["duration"] = 60.0
    rows[5]["text"] = "xy"
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with caplog.at_level(logging.WARNING):
        module = data("data=speech/manifest", f"data.path={path}", "data.frontend.rate=8000")
    assert module.provenance()["num_train"] == 2
    assert module.provenance()["left_out_of_training"] == 2
    assert "the first is 1.wav" in caplog.text
    assert "the first is 0.wav" in caplog.text
    assert "no training transcript has; the first is 5.wav" in caplog.text
    rows[4]["duration"] = 60.0
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match=r"4\.wav \(val\) lasts 60\.0 s"):
        data("data=speech/manifest", f"data.path={path}", "data.frontend.rate=8000")


def test_the_synthesiser_speaks(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    module = data("data=speech/synthetic_digits", "data.num_utterances=60", f"data.dir={tmp_path}")
    again = data("data=speech/synthetic_digits", "data.num_utterances=60", f"data.dir={tmp_path}")
    assert module.provenance()["content_hash"] == again.provenance()["content_hash"]
    np.testing.assert_array_equal(module.recording(3), again.recording(3))
    parts = [{one.speaker for one in module.utterances if one.part == part} for part in ("train", "val", "test")]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_speakers_go_whole_and_given_parts_stay() -> None:
    ones = [utterance(f"{speaker}-{n}", speaker=f"s{speaker}") for speaker in range(20) for n in range(5)]
    drawn = assign(ones, 0.2, 0.1, seed=3)
    assert drawn == assign(ones, 0.2, 0.1, seed=3) != assign(ones, 0.2, 0.1, seed=4)
    members = {part: {one.speaker for one in drawn if one.part == part} for part in ("train", "val", "test")}
    assert [len(members[part]) for part in ("train", "val", "test")] == [14, 4, 2]
    given = [one._replace(part="test") if n < 7 else one for n, one in enumerate(ones)]
    assert [one.name for one in assign(given, 0.2, 0.5, 0) if one.part == "test"] == [one.name for one in ones[:7]]
    with pytest.raises(UserError, match="the part 'dev'"):
        assign([utterance("a", part="dev")], 0.1, 0.1, 0)
    with pytest.raises(UserError, match="has no utterance"):
        assign([utterance("a"), utterance("b")], 0.1, 0.1, 0)


class Frames:
    """A loader of utterances of given lengths."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def batch(self, chosen: np.ndarray, random: np.random.Generator | None) -> SpeechBatch:
        return SpeechBatch.of([torch.full((int(self.lengths[n]), 1), float(n)) for n in chosen], [[3]] * len(chosen))


def test_batches_are_bounded_deal_everything_once_and_follow_the_seed() -> None:
    lengths = np.random.RandomState(0).randint(1, 90, size=203)
    chosen = np.arange(3, 200)
    for training in (False, True):
        batches = Batches(Frames(lengths), chosen, 300, training)
        torch.manual_seed(1)
        dealt = list(batches)
        assert len(dealt) == len(batches)
        assert sorted(int(row[0, 0]) for batch in dealt for row in batch.features) == chosen.tolist()
        assert max(batch.features.shape[0] * batch.features.shape[1] for batch in dealt) <= 300 * (
            1.25 if training else 1
        )
        torch.manual_seed(1)
        assert [one.lengths.tolist() for one in batches] == [one.lengths.tolist() for one in dealt]
        torch.manual_seed(2)
        assert ([one.lengths.tolist() for one in batches] == [one.lengths.tolist() for one in dealt]) is not training


@pytest.mark.parametrize("kind", ["characters", "words", "subwords"])
def test_units_write_texts_and_come_back_from_facts(kind: str) -> None:
    if kind == "subwords":
        pytest.importorskip("sentencepiece")
    texts = ["THE CAT SAT", "A CAT", "ON THE MAT THE CAT", "THAT CAT"] * 5
    units = learn(kind, texts, 18)
    for again in (units, from_facts(json.loads(json.dumps(units.facts())))):
        for text in texts:
            numbers = again.encode(text)
            assert UNKNOWN not in numbers
            assert again.decode(numbers) == text
            assert [again.decode([numbers[n] for n in word]) for word in again.words(numbers)] == text.split()
    assert UNKNOWN in units.encode("ZEBRA")
    with pytest.raises(UserError, match="Did you mean 'words'"):
        learn("word", texts, 5)


def test_equal_neighbours_need_a_blank_between() -> None:
    assert [needed_positions(target) for target in ([], [3], [3, 3], [3, 4, 4, 4])] == [0, 1, 3, 6]
    assert Characters.cut(" a  b ") == ["a", " ", "b"]
    assert Words.cut(" a  b ") == ["a", "b"]


@pytest.mark.parametrize("text", ["0", "5-3", "x", "1-", ""])
def test_wrong_numbers_of_digits_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"data\.digits"):
        parse_digits(text)
