"""Prefetched batches equal those of the training process."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.batches.order import TrainingBatches
from suite.training.batches.prefetch import Prefetch
from suite.training.config import RunConfig
from suite.training.run import process as running
from tests.training import forked
from tests.training.callbacks.test_signals import begun, command
from tests.training.forked import TASKS, children, resumed, together
from tests.waiting import wait_until


@dataclass(frozen=True)
class Some:
    """A batch with tensors of odd layouts."""

    whole: torch.Tensor
    part: torch.Tensor
    turned: torch.Tensor
    text: tuple[str, ...]


def odd_batches(number: int = 5) -> Iterator[Some]:
    for _ in range(number):
        large = torch.randn(7, 1000)
        yield Some(large, large[2:4, 3:8], torch.rand(3, 5).T, ("a", "b"))


def test_batches_keep_bits_and_strides_and_follow_the_stream() -> None:
    ours = list(TrainingBatches(list(odd_batches()), 3, lambda: 4))
    torch.manual_seed(0)
    here = list(odd_batches())
    torch.manual_seed(0)
    for made, expected in zip(Prefetch(odd_batches(), 2), here, strict=True):
        for name in ("whole", "part", "turned"):
            one, other = getattr(made, name), getattr(expected, name)
            assert torch.equal(one, other)
            assert one.untyped_storage().nbytes() == one.nbytes, "no more than the batch itself was sent"
        assert made.turned.stride() == expected.turned.stride()
        assert made.text == ("a", "b")
    assert len(ours) == 5
    assert torch.equal(torch.rand(1), torch.manual_seed(0) and torch.rand(1)), "numbers outside are not drawn"


class Drawing:
    """A loader whose order is drawn from the global generator."""

    def __len__(self) -> int:
        return 11

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield from torch.randperm(11)


def failing(error: BaseException) -> Iterator[int]:
    yield 1
    raise error


def test_what_a_loader_raises_reaches_the_reader_and_no_process_is_left() -> None:
    before = children()
    with pytest.raises(UserError, match="^row 7 of the file is no number$"):
        list(Prefetch(failing(UserError("row 7 of the file is no number")), 2))
    with pytest.raises(RuntimeError, match=r"(?s)in the prefetching process:.*ZeroDivisionError: odd"):
        list(Prefetch(failing(ZeroDivisionError("odd")), 2))

    def killed() -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match=r"ended with code -9.*prefetch=0"):
        list(Prefetch(killed(), 2))
    left_early = TrainingBatches(Drawing(), 5, lambda: 0, prefetch=2)
    assert next(iter(left_early)) is not None
    left_early.close()
    assert children() <= before


@pytest.mark.parametrize(("task", "kills"), [("documents", [23]), ("speech", []), ("recommender", [])])
def test_weights_are_the_same_to_the_bit_after_a_kill_too(task: str, kills: list[int], tmp_path: Path) -> None:
    small = [*TASKS[task], "trainer.max_epochs=2"]
    whole = resumed(compose(small), tmp_path / "whole", [])
    ahead = compose([*small, "prefetch=3", "checkpoints.every_steps=3"])
    forked.assert_same(resumed(ahead, tmp_path / "ahead", kills), whole)


def test_two_processes_train_to_the_same_bits(tmp_path: Path) -> None:
    found = []
    for prefetch in (0, 2):
        config = compose([*TASKS["documents"], "trainer=ddp_cpu", f"prefetch={prefetch}"])
        assert together(config, tmp_path / str(prefetch)) == [0, 0]
        found.append(forked.left(tmp_path / str(prefetch)))
    forked.assert_same(*found)


def test_a_run_that_fails_or_stops_in_an_epoch_leaves_no_process(tmp_path: Path) -> None:
    before = children()
    config = compose([*TASKS["documents"], "prefetch=2", "trainer.max_steps=3"])
    for name in ("stops", "fails"):
        run_dir = forked.begin(config, tmp_path / name)
        data, module = running.prepare(RunConfig.parse(config))
        if name == "fails":
            data.training_batches = lambda: list(failing(UserError("no such file")))
            with pytest.raises(UserError, match="^no such file$"):
                running.run(RunConfig.parse(config), run_dir, data, module)
        else:
            running.run(RunConfig.parse(config), run_dir, data, module)
    assert children() <= before
    with pytest.raises(UserError, match="prefetch must be at least 0, got -1"):
        RunConfig.parse({**config, "prefetch": -1})


def grouped(*words: str) -> None:
    """Run ``attn`` in its own process group, as a shell runs each of its jobs."""
    os.setpgrp()
    command(*words)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signal_to_the_whole_group_saves_and_leaves_no_process(
    number: int, code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a terminal's Ctrl-C or a scheduler's SIGTERM does it; SIGKILL reaches the training process alone."""
    process = begun(tmp_path / "run", "prefetch=4", start=grouped)
    batches = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (os.kill if number == signal.SIGKILL else os.killpg)(process.pid, number)
    assert forked.join([process]) == [code]
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    assert printed.count("\n") == (0 if number == signal.SIGKILL else 1)
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in batches), 5)
