"""Peak memory of this process, and the memory that is free."""

import resource
import sys
from pathlib import Path

from suite.errors import UserError

GIB = 2.0**30


def peak() -> float:
    """Return the peak of the resident memory in GiB."""
    if sys.platform == "linux":  # where getrusage includes the peak before exec
        return _table(Path("/proc/self/status"))["VmHWM"] * 1024 / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB


def free() -> float:
    """Return the free memory in GiB, of the machine or within the limit of the container.

    Raises UserError if the system does not report it.
    """
    if sys.platform != "linux":
        raise UserError("this system does not report how much memory is free; set memory=GIB")
    found = [_table(Path("/proc/meminfo"))["MemAvailable"] * 1024 / GIB]
    group = Path("/sys/fs/cgroup")
    bound = group / "memory.max"
    if bound.exists() and (text := bound.read_text().strip()) != "max":
        cached = _table(group / "memory.stat").get("inactive_file", 0)  # the system frees it before it kills a process
        found.append((int(text) - int((group / "memory.current").read_text()) + cached) / GIB)
    return min(found)


def _table(path: Path) -> dict[str, int]:
    """Return the integers of a file of the kernel by name."""
    rows = (line.replace(":", " ").split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
