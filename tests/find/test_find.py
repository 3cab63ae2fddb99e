"""attn find: figures against slow loops, and the commands on real, small tasks."""

import csv
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.find import memory, rate, size
from suite.find.rate import Point, RangeTest, suggest
from suite.find.size import Size, recommended
from tests.cli.conftest import Attn, attn  # noqa: F401  # a fixture
from tests.training.run.test_resume import TASKS


def test_the_smoothed_loss_is_that_of_a_slow_loop_and_ends_the_test() -> None:
    losses = [2.0, 1.9, 2.1, 1.0, 0.5, 0.7, 9.0, 30.0, 80.0, 90.0]
    test = RangeTest(1e-3, 1.0, 10)
    for number, loss in enumerate(losses):
        test.add(1e-3 * 1000 ** (number / 9), loss)
        weights = [0.9 ** (number - before) for before in range(number + 1)]  # the newest weighs 1
        mean = sum(w * x for w, x in zip(weights, losses, strict=False)) / sum(weights)
        assert test.points[-1].smoothed == pytest.approx(mean)
        assert test.over == (mean > 4 * min(point.smoothed for point in test.points))
    assert test.over
    test.add(2.0, math.inf)
    assert test.over


def points(smoothed: list[float]) -> list[Point]:
    return [Point(n + 1, 1e-6 * 10 ** (n / 3), 0.0, value) for n, value in enumerate(smoothed)]


def test_the_suggestion_is_the_steepest_point_of_a_slow_loop() -> None:
    found = points([5.0, 3.0, 3.0, 3.1, 2.9, 2.5, 1.6, 1.2, 1.1, 1.3, 4.0, 0.0 + math.inf])
    slopes = {}
    for place in range(1, 9):  # behind the first tenth, and up to the lowest
        before, after = found[max(place - 1, 1)], found[place + 1]
        slopes[place] = (after.smoothed - before.smoothed) / (math.log(after.rate) - math.log(before.rate))
    assert suggest(found) == found[min(slopes, key=lambda place: slopes[place])].rate == found[6].rate
    with pytest.raises(UserError, match="the loss never decreased over 9 steps"):
        suggest(points([1.0, 1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0]))


def test_the_smallest_size_near_the_best_is_recommended() -> None:
    sizes = [Size(8, 9, 8, 100.0, 0.1), Size(16, 5, 16, 196.0, 0.2), Size(32, 3, 32, 200.0, 0.4)]
    assert recommended(sizes) == 16
    assert size._end(sizes, "batch_size") is None
    assert (
        size._end([*sizes, Size(64, 2, 64, 203.0, 1.0)], "batch_size") == "two doublings in a row gained less than 5 %"
    )


def test_rates_rise_exponentially_and_the_module_is_trained_by_them() -> None:
    config = compose([*TASKS["documents"], "trainer.gradient_clip_val=1.0"])
    found = rate.curve(config, 1e-4, 1e-1, 13)
    assert [point.rate for point in found] == pytest.approx([1e-4 * 1000 ** (n / 12) for n in range(13)])
    again = rate.curve(config, 1e-4, 1e-1, 13)
    assert found == again, "the seed decides"
    slower = rate.curve(config, 1e-9, 1e-8, 13)
    assert slower[0].loss == found[0].loss, "the first loss is that of the fresh module"
    assert slower[-1].loss != found[-1].loss


@pytest.mark.parametrize("task", ["documents", "graph"])
def test_a_rate_is_found_and_nothing_is_left(task: str, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    done = attn("find", "lr", *TASKS[task], "steps=60", "lr_min=1e-5", "output=curve.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = re.fullmatch(r"optim\.lr=(\S+)", done.stdout.splitlines()[-1])
    assert told
    assert 1e-4 < float(told[1]) < 1.0
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 20 < len(rows) <= 60
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["curve.csv"]


@pytest.mark.parametrize(("task", "key"), [("recommender", "data.positions"), ("documents", None)])
def test_a_size_is_found(task: str, key: str | None, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    done = attn("find", "batch", *TASKS[task], "steps=2", *([f"key={key}"] if key else []))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["size", "samples", "samples/s", "GiB"]
    first = int(lines[1].split()[0])
    assert int(lines[2].split()[0]) == 2 * first
    assert re.fullmatch(rf"{key or 'data.batch_size'}=\d+", lines[-1])
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]


REFUSED = [
    (
        ["batch", "task=documents", "data=documents/synthetic", "key=data.size"],
        "set key=KEY to one of: data.batch_size",
    ),
    (["batch", "task=graph", "data=graph/synthetic"], "task=graph trains on the whole set as one batch"),
    (["batch", "task=documents", "data=documents/synthetic", "key=data.num_documents"], "is not a batch size: an"),
    (["batch", "task=documents", "data=documents/synthetic", "memory=0"], "memory must be above 0 GiB, got 0"),
    (["lr", "task=documents", "data=documents/synthetic", "lr_min=2"], "lr_min must be above 0 and below lr_max"),
    (["lr", "task=documents", "data=documents/synthetic", "steps=many"], "steps must be a whole number, got 'many'"),
    (["lr", "task=documents", "output=curve.html"], "output=curve.html must end in .csv"),
    (["rate", "task=documents"], "attn find rate is not known."),
]


@pytest.mark.parametrize(("words", "told"), REFUSED)
def test_what_makes_no_sense_is_refused(words: list[str], told: str, attn: Attn) -> None:  # noqa: F811
    done = attn("find", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_gpu_ends_the_search_with_the_sizes_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    real = size.train

    def small(config: dict[str, Any], *arguments: Any) -> None:
        if config["data"]["batch_size"] > 14:
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(config, *arguments)

    monkeypatch.setattr(size, "train", small)
    found = size.search(compose(TASKS["documents"]), "data.batch_size", steps=1, bound=99.0)
    assert [one.value for one in found.sizes] == [7, 14]
    assert found.reason == "memory is exhausted before data.batch_size=28"


def test_a_bound_on_the_cpus_memory_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = iter([5.0, 5.1, 5.1, 5.2, 5.2, 6.0])
    monkeypatch.setattr(memory, "peak", lambda: next(grown))
    found = size.search(compose(TASKS["documents"]), None, steps=1, bound=0.5)
    assert [(one.value, round(one.gib, 1)) for one in found.sizes] == [(7, 0.1), (14, 0.2)]
    assert found.reason == "memory is exhausted before data.batch_size=28"
    monkeypatch.setattr(memory, "peak", iter([5.0, 6.0]).__next__)
    with pytest.raises(UserError, match="memory is exhausted at data.batch_size=7"):
        size.search(compose(TASKS["documents"]), None, steps=1, bound=0.5)


def test_memory_is_what_the_system_tells() -> None:
    before = memory.peak()
    block = torch.ones(64, 1024, 1024, dtype=torch.uint8)
    assert memory.peak() - before == pytest.approx(block.nbytes / memory.GIB, abs=0.02)
    assert 0.0 < memory.free() < 1e5
