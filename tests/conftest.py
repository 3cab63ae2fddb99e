"""Fixtures and options that tests of several packages share."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from suite.console import LEAF_SPEC

pytest_plugins = ["tests.slow_share"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", f"ignore:{LEAF_SPEC}:FutureWarning")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real data: SUITE_DATA_DIR, else ../shared/data beside the checkout; the test is skipped where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SUITE_DATA_DIR", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data: SUITE_DATA_DIR is not set and {beside} does not exist")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache directory of this session. Nothing is written beside the real data, which may be read-only."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SUITE_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def pyg() -> ModuleType:
    """The package torch_geometric, whose import warns of torch.jit.script."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
        import torch_geometric.nn
    return torch_geometric
