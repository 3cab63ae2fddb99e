"""The console script, data modules with the defaults of a preset, and images of known content."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tasks.oct
from suite.config.compose import compose
from suite.training.build import instantiate
from suite.training.run.launch import launch
from tasks.oct.data import OctData
from tests.cli.conftest import attn

__all__ = ["attn", "scan_data"]


SYNTHETIC = ["task=oct", "data=oct/synthetic"]


@cache
def preset(name: str) -> dict[str, Any]:
    more = ["data.path=PATH"] if name in ("csv", "folder") else []
    config: dict[str, Any] = compose(["task=oct", f"data=oct/{name}", *more])["data"]
    return config


def scan_data(name: str, **values: Any) -> OctData:
    """The data module of a preset, with other values for some of its keys."""
    config = {**preset(name), "augment": instantiate(preset(name)["augment"], "data.augment"), **values}
    if isinstance(config.get("source"), dict):
        config["source"] = instantiate(config["source"], "data.source")
    data: OctData = getattr(tasks.oct, config.pop("_target_").rsplit(".", 1)[-1])(**config)
    return data


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


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training on small phantoms."""
    run = tmp_path_factory.mktemp("oct") / "run"
    more = ["data.num_scans=240", "data.height=32", "data.width=64", "trainer.max_epochs=6", "optim.lr=5e-3"]
    launch(compose([*SYNTHETIC, *more, "module.look=1.0", "module.find=0.3", f"run_dir={run}"]))
    return run


@pytest.fixture(scope="package")
def checkpoint(run: Path) -> Path:
    return run / "checkpoints/best.ckpt"
