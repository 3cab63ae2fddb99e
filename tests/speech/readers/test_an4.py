"""AN4 has the numbers of its documentation."""

from pathlib import Path

from tests.speech.conftest import speech_data


def test_an4_has_the_documented_numbers_of_utterances_words_and_units(data_dir: Path) -> None:
    module = speech_data("data=speech/an4", f"data.dir={data_dir}")
    provenance, facts = module.provenance(), module.facts()
    assert provenance["num_train"] + provenance["num_val"] == 948
    assert provenance["num_test"] == 130
    tested = [one for one in module.utterances if one.split == "test"]
    assert sum(len(one.text.split()) for one in tested) == 773
    speakers = [{one.speaker for one in module.utterances if one.split == split} for split in ("train", "val", "test")]
    assert len(set.union(*speakers)) == sum(map(len, speakers))
    assert facts["num_features"] == 39
    assert len(facts["units"]["names"]) == 3 + 27
    batch = next(iter(module.train_dataloader()))
    assert batch.features.shape[2] == 39
    assert [one.replace(" ", "") for one in batch.texts] == [
        module.units.decode(row[:n].tolist()).replace(" ", "")
        for row, n in zip(batch.targets, batch.target_lengths, strict=True)
    ]
