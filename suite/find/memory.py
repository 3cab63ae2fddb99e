"""How much memory this process took at its peak, and how much it may still take before the system kills it."""

import resource
import sys
from pathlib import Path

from suite.errors import UserError

GIB = 2.0**30


def peak() -> float:
    """GiB that were resident at most, so far."""
    if sys.platform == "linux":  # getrusage tells there the peak of what was before exec, too
        return _table(Path("/proc/self/status"))["VmHWM"] * 1024 / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB


def free() -> float:
    """GiB that can be taken: of the machine, and of the container's bound. Raises UserError where nothing tells."""
    if sys.platform != "linux":
        raise UserError("this system does not tell how much memory is free; say memory=GIB")
    found = [_table(Path("/proc/meminfo"))["MemAvailable"] * 1024 / GIB]
    group = Path("/sys/fs/cgroup")
    bound = group / "memory.max"
    if bound.exists() and (text := bound.read_text().strip()) != "max":
        cached = _table(group / "memory.stat").get("inactive_file", 0)  # given back before anything is killed
        found.append((int(text) - int((group / "memory.current").read_text()) + cached) / GIB)
    return min(found)


def _table(path: Path) -> dict[str, int]:
    """Names and whole numbers of a file of the kernel's."""
    rows = (line.replace(":", " ").split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
