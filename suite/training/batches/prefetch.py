"""Batches made ahead, in one process of their own, while this one trains on those before."""

import io
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.errors import UserError
from suite.processes import die_with_parent


def check_prefetch(number: int) -> None:
    """Raise UserError if this system cannot prefetch."""
    if number and "fork" not in multiprocessing.get_all_start_methods():
        raise UserError(
            f"prefetch={number} needs a system that can fork processes, and {sys.platform} cannot; set prefetch=0"
        )


class _Failure(NamedTuple):
    """What ended the other process's work: a message for the user, or a traceback for who wrote the loader."""

    text: str
    refused: bool


class Prefetch:
    """The items of ``items``, made by a forked process, about ``number`` of them before they are asked for.

    The process inherits all it needs by being forked, and sends plain bytes through a pipe: tensors keep their bits
    and strides, and nothing lies in shared memory, whose files a killed process would leave and which containers keep
    small. It computes with one thread, since OpenMP does not survive a fork; a loader whose numbers follow from how
    many threads add them up gives the same bits where the run itself has ``threads=1``.

    A UserError of ``items`` is raised here as it is, anything else as a RuntimeError with its traceback.
    """

    def __init__(self, items: Iterable[Any], number: int) -> None:
        self._ours, theirs = multiprocessing.Pipe(duplex=False)
        self._process: Any = multiprocessing.get_context("fork").Process(
            target=_work, args=(items, number, theirs, self._ours), name="batches"
        )
        # Ctrl-C and SIGTERM reach every process of a terminal or a job. Blocked from before the fork, they are this
        # process's alone to heed: it finishes its batch, saves, and ends the other one.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            with warnings.catch_warnings():  # threads of ours wait in torch; the new process does not touch them
                warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
                self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()

    def __iter__(self) -> Iterator[Any]:
        try:
            while True:
                try:
                    content = self._ours.recv_bytes()
                except EOFError:
                    break
                if not content:
                    return
                item = pickle.loads(content)  # noqa: S301  # written by our own fork
                if isinstance(item, _Failure):
                    raise UserError(item.text) if item.refused else RuntimeError(item.text)
                yield item
            self._process.join()
            raise UserError(
                f"the process that makes batches ahead ended with code {self._process.exitcode}; where memory ran out "
                "(code -9) take smaller batches or prefetch=0"
            )
        finally:
            self.close()

    def close(self) -> None:
        """End the process, whatever it does; nothing of it is left."""
        self._process.kill()
        self._process.join()
        self._ours.close()


_HEEDED = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGALRM") if hasattr(signal, name)}


def _work(items: Iterable[Any], number: int, pipe: Connection, ours: Connection) -> None:
    """The other process: make items here, send them in a thread that waits for the reader."""
    die_with_parent()
    ours.close()  # or a parent that has died would never break the pipe
    torch.set_num_threads(1)
    made: queue.Queue[bytes] = queue.Queue(number)
    sender = threading.Thread(target=_send, args=(made, pipe), daemon=True)
    sender.start()
    try:
        for item in items:
            made.put(_bytes(item))
    except UserError as error:
        made.put(_bytes(_Failure(str(error), refused=True)))
    except Exception:
        text = f"in the process that makes batches ahead:\n{traceback.format_exc()}"
        made.put(_bytes(_Failure(text, refused=False)))
    made.put(b"")
    sender.join()


def _send(made: "queue.Queue[bytes]", pipe: Connection) -> None:
    content = None
    while content != b"":
        content = made.get()
        try:
            pipe.send_bytes(content)
        except BrokenPipeError:  # nobody reads any more
            os._exit(1)


class _Pickler(pickle.Pickler):
    """Sends of a tensor that looks at a part of a larger storage that part alone."""

    def reducer_override(self, item: Any) -> Any:
        if type(item) is Tensor and item.layout == torch.strided:
            item = item.detach() if item.untyped_storage().nbytes() <= item.nbytes else item.detach().clone()
            return item.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return NotImplemented


def _bytes(item: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(item)
    return file.getvalue()
