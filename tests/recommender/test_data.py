"""The data modules of the recommender."""

from pathlib import Path
from typing import Any

import pytest

from suite.errors import UserError
from tasks.recommender.data import RecommenderData
from tests.presets import build_preset

FOLDER = Path(__file__).parents[2] / "conf" / "data" / "recommender"
PRESETS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.startswith("_"))
NEEDED: dict[str, dict[str, Any]] = {"own": {"path": "events.csv"}}


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_builds_a_data_module(name: str) -> None:
    data = build_preset(f"recommender/{name}", dir="somewhere", **NEEDED.get(name, {}))
    assert isinstance(data, RecommenderData)
    assert data.dir == Path("somewhere")


@pytest.mark.parametrize("name", PRESETS)
def test_a_misspelt_key_is_rejected(name: str) -> None:
    with pytest.raises(UserError, match="has no argument 'max_lenght'.*Did you mean 'max_length'"):
        build_preset(f"recommender/{name}", max_lenght=5, **NEEDED.get(name, {}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "leave_two_out"}, "Did you mean 'leave_one_out'"),
        ({"max_length": 0}, "data.max_length must be at least 1, got 0"),
        ({"evaluation_positions": 0}, "data.evaluation_positions must be at least 1, got 0"),
        ({"split": "global_time", "val_fraction": 0.6, "test_fraction": 0.5}, "must be fractions with a sum below 1"),
    ],
)
def test_options_out_of_range_raise_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_preset("recommender/synthetic", **options)


def test_facts_count_training_events_only() -> None:
    data = build_preset("recommender/synthetic")
    facts = data.facts()
    assert sum(facts["popularity"]) == int((data.split.train_ends - data.histories.offsets[:-1]).sum())
    assert facts["popularity"][0] == 0
    assert len(facts["titles"]) == len(facts["item_ids"]) == facts["num_items"]


def test_provenance_has_the_sizes_of_the_split() -> None:
    data = build_preset("recommender/synthetic")
    found = data.provenance()
    assert found["split_hash"] == data.split.hash()
    assert found["num_test"] == sum(len(batch) for batch in data.split_dataloader("test"))
    with pytest.raises(UserError, match="No user has three interactions"):
        build_preset("recommender/synthetic", mean_events=1.0).setup()
