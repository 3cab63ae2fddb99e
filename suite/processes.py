"""Processes that the suite starts: what they import, and when they end."""

import ctypes
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the directory that holds the package ``suite``
RUN = (
    "import runpy, sys; del sys.path[0]; root = {root!r}; root in sys.path or sys.path.append(root); "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def python_arguments(module: str, *arguments: str) -> list[str]:
    """Return arguments of a Python interpreter that runs a module as ``python -m MODULE`` does, in any directory.

    Python puts the working directory first on the path. There, a file ``tasks.py`` or ``conf.py`` of the user would be
    imported in place of the package of this suite, so it is removed. ``python -P`` does the same from Python 3.11 on.
    """
    return ["-c", RUN.format(root=str(ROOT), module=module), *arguments]


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the system send signal ``number`` to this process when its parent ends, even by SIGKILL. Linux only."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, number)
