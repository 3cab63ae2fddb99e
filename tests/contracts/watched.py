"""Run ``attn`` and record its effects: addresses, processes, and files that are written.

python -m tests.contracts.watched EFFECTS.json WORD ...        the words are the arguments of ``attn``

torch and Lightning are imported first: they look for libraries and make folders for caches when they are imported.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch
import matplotlib.pyplot  # noqa: F401

EFFECTS: list[str] = []
PROCESSES = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.")
ADDRESSES = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.")
CHANGES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "os.chmod")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def record(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITES)
        if writes and not isinstance(path, int) and str(path) != os.devnull:
            EFFECTS.append(f"write {os.path.abspath(os.fsdecode(path))}")
    elif event.startswith(PROCESSES):
        EFFECTS.append(f"process {arguments[:2]}")
    elif event.startswith(ADDRESSES):
        EFFECTS.append(f"address {arguments[1:]}")
    elif event.startswith(CHANGES):
        EFFECTS.append(f"write {os.path.abspath(os.fsdecode(arguments[0]))}")


def main(report: Path, words: list[str]) -> int:
    assert lightning.pytorch
    from suite.cli.main import main as attn

    sys.addaudithook(record)
    code = attn(words)
    found = list(EFFECTS)
    report.write_text(json.dumps(found))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
