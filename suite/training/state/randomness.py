"""The states of all random number generators: saved, restored, and separate for the data."""

import random
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import numpy as np
import torch


def seed(*key: int) -> None:
    """Seed Python, NumPy and torch from a few integers; each key gives an independent stream."""
    torch.manual_seed(_seed_cpu(key))  # those of GPUs too


def _seed_cpu(key: tuple[int, ...]) -> int:
    """Seed the generators on the CPU; return the seed of torch's generator."""
    words = np.random.SeedSequence(key).generate_state(3, np.uint64)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]) % 2**32)
    number = int(words[2]) % 2**63
    torch.default_generator.manual_seed(number)
    return number


def capture() -> dict[str, Any]:
    """Return the state of each generator as plain values and tensors, which a checkpoint can contain."""
    version, words, gauss = random.getstate()
    _, keys, place, has_gauss, cached = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, torch.tensor(words), gauss],
        "numpy": [torch.from_numpy(np.asarray(keys, dtype=np.int64)), int(place), int(has_gauss), float(cached)],
    }


def restore(state: dict[str, Any]) -> None:
    """Restore what ``capture`` returned."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    keys, place, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), place, has_gauss, cached))


class Stream(AbstractContextManager["Stream"]):
    """A separate stream of random numbers for the code in its context: ``with stream: batch = next(batches)``.

    The states of Python's, NumPy's and torch's CPU generator are exchanged at entry and exit, so the code inside does
    not change the numbers outside, for example those of dropout.

    Args:
        key: integers that seed the stream.
    """

    def __init__(self, *key: int) -> None:
        outside = _states()
        _seed_cpu(key)  # not the generators of GPUs, which only dropout uses
        self._inside, self._outside = _states(), outside
        _set(outside)

    def __enter__(self) -> "Stream":
        self._outside = _states()
        _set(self._inside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside = _states()
        _set(self._outside)


def _states() -> tuple[Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.default_generator.get_state()


def _set(states: tuple[Any, Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.default_generator.set_state(states[2])
