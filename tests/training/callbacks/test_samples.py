"""The table of per-sample results."""

import torch

from suite.training.callbacks.samples import SampleTable


def test_it_holds_the_first_samples_of_the_last_test_loop() -> None:
    table = SampleTable(limit=3)
    for start in (0, 10):
        table.on_test_start(None, None)  # type: ignore[arg-type]
        for batch in range(3):
            outputs = {"loss": torch.arange(2.0) + start + 2 * batch, "right": torch.tensor([True, False])}
            table.on_test_batch_end(None, None, outputs, None, batch)  # type: ignore[arg-type]
    assert table.rows == [
        {"loss": 10.0, "right": True},
        {"loss": 11.0, "right": False},
        {"loss": 12.0, "right": True},
    ]


def test_outputs_of_another_kind_are_skipped() -> None:
    table = SampleTable()
    for outputs in (None, torch.ones(2), {"loss": 1.0}):
        table.on_test_batch_end(None, None, outputs, None, 0)  # type: ignore[arg-type]
    assert table.rows == []
