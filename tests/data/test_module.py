"""The base of data modules: constructor arguments, and what happens once."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from suite.data.module import TaskData
from suite.data.readers import GeneratedReader
from suite.data.source import Resolved


class Numbers(GeneratedReader):
    def __init__(self, count: int) -> None:
        self.count = count

    def options(self) -> dict[str, Any]:
        return {"count": self.count}


class NumberData(TaskData):
    def __init__(self, reader: Numbers, *, batch_size: int, dir: str = "data") -> None:
        super().__init__(reader, dir)
        self.batch_size = batch_size
        self.loads = 0

    def load(self, files: Resolved) -> dict[str, Any]:
        self.loads += 1
        return {"content_hash": "0"}

    def training_batches(self) -> Iterable[Any]:
        return range(self.reader.count)


class GeneratedNumberData(NumberData, reader=Numbers):
    """Arguments of both."""


def test_the_constructor_takes_the_arguments_of_reader_and_data_module() -> None:
    data = GeneratedNumberData(count=3, batch_size=2)
    assert (data.reader.count, data.batch_size) == (3, 2)
    assert set(inspect.signature(GeneratedNumberData).parameters) == {"count", "batch_size", "dir"}


def test_an_unknown_and_a_missing_argument_are_errors() -> None:
    with pytest.raises(TypeError, match=r"GeneratedNumberData has no argument 'cuont'. Did you mean 'count'\?"):
        GeneratedNumberData(cuont=3, batch_size=2)
    with pytest.raises(TypeError, match="batch_size"):
        GeneratedNumberData(count=3)


def test_an_argument_of_both_is_an_error_when_the_class_is_defined() -> None:
    class Other(GeneratedReader):
        def __init__(self, batch_size: int) -> None: ...

    with pytest.raises(TypeError, match="both have the argument 'batch_size'"):

        class Both(NumberData, reader=Other):
            pass


def test_content_is_loaded_once_and_the_provenance_is_that_of_reader_and_content(tmp_path: Path) -> None:
    data = GeneratedNumberData(count=3, batch_size=2, dir=str(tmp_path))
    for _ in range(2):
        data.setup()
        provenance = data.provenance()
    assert data.loads == 1
    assert {"origin": "generated", "count": 3, "content_hash": "0"}.items() <= provenance.items()


class OddBatches:
    """A distribution that selects the training batches with an odd number."""

    def training(self, loader: Iterable[int]) -> list[int]:
        return [batch for batch in loader if batch % 2]

    def validation(self, batches: Iterable[int]) -> Iterable[int]:
        return batches


def test_batches_are_distributed_inside_the_context_only() -> None:
    data = GeneratedNumberData(count=5, batch_size=2)
    with data.distributed(OddBatches()):
        assert list(data.train_dataloader()) == [1, 3]
    assert list(data.train_dataloader()) == [0, 1, 2, 3, 4]
