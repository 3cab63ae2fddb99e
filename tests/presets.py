"""Data modules as presets build them."""

from copy import deepcopy
from functools import cache
from typing import Any

import hydra
from omegaconf import OmegaConf

from suite.training.build import instantiate


def build_preset(preset: str, **options: Any) -> Any:
    """Build the data module of ``data=preset`` with ``options`` of ``data``, for example ``dir="data"``."""
    plain = {
        key: value if isinstance(value, bool | int | float | None) else str(value) for key, value in options.items()
    }
    return instantiate(deepcopy(_compose(preset)) | plain, "data")


@cache
def _compose(preset: str) -> dict[str, Any]:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config: Any = OmegaConf.to_container(hydra.compose(overrides=[f"+data={preset}"]).data, resolve=True)
    return config
