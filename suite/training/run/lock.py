"""One process trains in a run directory at a time."""

import errno
import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from suite.errors import UserError

LOCK = ".lock"

logger = logging.getLogger(__name__)


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the lock of ``run_dir`` inside the context.

    The lock is an advisory lock (``flock``) on the file ``.lock``: the system releases it when the process ends, also
    after SIGKILL, so a file that is left over locks nothing. On several nodes only the first node takes it, since it
    alone starts and resumes the run; a network file system must support ``flock`` for runs of different machines.

    Raises UserError if another process holds the lock, with its number, machine and start.
    """
    path = run_dir / LOCK
    try:
        # no link is followed: a planted link would let the lock be written elsewhere
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}. A run needs a directory that it can write"
        ) from error
    try:
        _take(descriptor, run_dir)
        owner = {"process": os.getpid(), "machine": socket.gethostname(), "since": _now()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # releases the lock; the file stays, since removing it would race with the next owner


def _take(descriptor: int, run_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"the run in {run_dir} is being trained by {_owner(descriptor)}. Wait until it ends, stop it, or choose "
            "another run_dir"
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        logger.warning(
            "%s is on a file system without locks: nothing prevents a second process from training there", run_dir
        )


def _owner(descriptor: int) -> str:
    """Who holds the lock, as far as the file says."""
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {owner['process']} on {owner['machine']} since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
