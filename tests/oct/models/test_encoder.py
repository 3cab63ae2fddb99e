"""Regions of a scan."""

import pytest

from tasks.oct.models.encoder import RegionEncoder


def test_an_unknown_stage_raises() -> None:
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        RegionEncoder(1, widths=(4, 4, 4), finest=3)
