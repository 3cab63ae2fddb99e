"""Pytest options that run a share of the slow tests, within a time budget.

``--slow-share K/N`` selects the K-th of N shares of the tests marked ``slow``. The share of a test follows from its
name, so that every machine selects the same tests. ``--slow-minutes M`` skips the slow tests that would start later
than M minutes after the first one. ``pytest -m slow`` without them runs every slow test.
"""

import time
import zlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("slow tests")
    group.addoption("--slow-share", metavar="K/N", type=parse_share, help="run share K of N of the slow tests, alone")
    group.addoption("--slow-minutes", metavar="M", type=float, help="start no slow test after M minutes")


def parse_share(text: str) -> tuple[int, int]:
    """``"2/6"`` as ``(2, 6)``."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ValueError(f"--slow-share must be K/N with 1 <= K <= N, got {text!r}")
    return int(number), int(count)


def share_of(name: str, count: int) -> int:
    """The share, from 1 to ``count``, of the test with this node id."""
    return zlib.crc32(name.encode()) % count + 1


def pytest_report_header(config: pytest.Config) -> str | None:
    share = config.getoption("slow_share")
    return f"slow tests: share {share[0]} of {share[1]}" if share else None


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("slow_share"):
        config.option.markexpr = "slow"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    share = config.getoption("slow_share")
    if not share:
        return
    number, count = share
    others = [item for item in items if item.get_closest_marker("slow") and share_of(item.nodeid, count) != number]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("slow_minutes")
    if minutes is None or not item.get_closest_marker("slow"):
        return
    now = time.monotonic()
    started = item.config.stash.setdefault(STARTED, now)
    if now - started > 60 * minutes:
        pytest.skip(f"the {minutes:g} minutes of slow tests are over")


STARTED = pytest.StashKey[float]()
