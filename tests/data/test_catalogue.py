"""The catalogue of data sets."""

import pytest

from suite.data.catalogue import find, list_sets, stated
from suite.errors import UserError


def test_every_data_preset_is_listed_with_its_description_and_source() -> None:
    sets = {item.option: item for item in list_sets()}
    assert list(sets) == sorted(sets)
    assert all(item.about for item in sets.values())
    assert sets["graph/cora"].source is not None
    assert sets["graph/cora"].source.name == "cora"
    assert sets["graph/synthetic"].source is None


def test_a_source_is_found_by_its_name_and_by_its_preset() -> None:
    assert find("cora") == find("graph/cora")
    assert stated("cora")[0] == find("cora")
    with pytest.raises(UserError, match="There is no data set 'croa'. Did you mean 'cora'"):
        find("croa")
    with pytest.raises(UserError, match="graph/synthetic has nothing to download"):
        find("graph/synthetic")
