"""The console script, and a few images whose content is known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import attn

__all__ = ["attn"]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two classes of 30 scans of 15 patients each: a bright upper or lower half, 20 to 24 rows, 31 to 40 columns."""
    random = np.random.default_rng(0)
    for name in ("lower", "upper"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for number in range(30):
            image = random.integers(0, 80, (20 + number % 5, 31 + number % 10), dtype=np.uint8)
            half = slice(0, 10) if name == "upper" else slice(10, None)
            image[half] += 120
            Image.fromarray(image).save(tmp_path / "scans" / name / f"{name}-{number // 2}-{number}.png")
    return tmp_path / "scans"
