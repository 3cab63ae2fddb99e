"""Prefetching: a separate process prepares batches while this one trains on earlier ones."""

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
    """An exception in the other process: the message of a UserError, or a traceback."""

    text: str
    user_error: bool


class Prefetch:
    """Yields the items of an iterable that a forked process iterates over, about ``number`` items in advance.

    The process inherits the data by the fork and sends pickled items through a pipe, so tensors keep their bits and
    strides. Shared memory is not used: a killed process would leave its files, and containers limit its size. The
    process has one thread, because OpenMP does not survive a fork; if sums in a loader depend on the number of threads,
    ``threads=1`` gives the same bits with and without prefetching.

    Args:
        items: iterable in the other process.
        number: number of items in advance.

    Raises:
        UserError: a UserError of ``items``, unchanged; and if the process is killed.
        RuntimeError: any other exception of ``items``, with its traceback.
    """

    def __init__(self, items: Iterable[Any], number: int) -> None:
        self._ours, theirs = multiprocessing.Pipe(duplex=False)
        self._process: Any = multiprocessing.get_context("fork").Process(
            target=_work, args=(items, number, theirs, self._ours), name="batches"
        )
        # Ctrl-C and SIGTERM reach each process of a terminal or a job. They are blocked in the other process from the
        # fork on: this process finishes its batch, saves, and ends the other one.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            with warnings.catch_warnings():  # the other threads of this process wait in torch; the new process has none
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
                    raise UserError(item.text) if item.user_error else RuntimeError(item.text)
                yield item
            self._process.join()
            raise UserError(
                f"the prefetching process ended with code {self._process.exitcode}; code -9 usually means that memory "
                "ran out: use smaller batches or prefetch=0"
            )
        finally:
            self.close()

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.join()
        self._ours.close()


_HANDLED = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGALRM") if hasattr(signal, name)}


def _work(items: Iterable[Any], number: int, pipe: Connection, ours: Connection) -> None:
    """Iterate in the other process; a thread sends the items and waits for the reader."""
    die_with_parent()
    ours.close()  # otherwise the pipe would not break when the parent dies
    torch.set_num_threads(1)
    made: queue.Queue[bytes] = queue.Queue(number)
    sender = threading.Thread(target=_send, args=(made, pipe), daemon=True)
    sender.start()
    try:
        for item in items:
            made.put(_bytes(item))
    except UserError as error:
        made.put(_bytes(_Failure(str(error), user_error=True)))
    except Exception:
        text = f"in the prefetching process:\n{traceback.format_exc()}"
        made.put(_bytes(_Failure(text, user_error=False)))
    made.put(b"")
    sender.join()


def _send(made: "queue.Queue[bytes]", pipe: Connection) -> None:
    content = None
    while content != b"":
        content = made.get()
        try:
            pipe.send_bytes(content)
        except BrokenPipeError:  # there is no reader any more
            os._exit(1)


class _Pickler(pickle.Pickler):
    """Pickles of a tensor only its own elements, not the whole storage that it is a view of."""

    def reducer_override(self, item: Any) -> Any:
        if type(item) is Tensor and item.layout == torch.strided:
            item = item.detach() if item.untyped_storage().nbytes() <= item.nbytes else item.detach().clone()
            return item.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return NotImplemented


def _bytes(item: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(item)
    return file.getvalue()
