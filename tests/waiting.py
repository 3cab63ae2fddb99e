"""Wait for something that other processes or threads do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float, message: str = "", pause: float = 0.02) -> T:
    """Call ``condition`` until it returns a true value, and return that value.

    Raises AssertionError with ``message`` if it has not after ``timeout`` seconds. An exception of ``condition``, for
    example of an ``assert`` that a process still runs, passes unchanged.
    """
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, message or f"not true after {timeout:g} s"
        time.sleep(pause)
    return value
