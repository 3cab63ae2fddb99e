"""The base class of predictors: batches, order, evaluation mode, and one forward pass for all outputs."""

import numpy as np
import pytest
import torch
from torch import nn

from suite.errors import UserError
from suite.predictor import AttentionWeights, Axis, Picture, Predictor, check_counts
from suite.training.base_task_module import BaseTaskModule


class Doubles(Predictor[int, tuple[int, bool]]):
    """Doubles numbers, and remembers its batches."""

    def __init__(self, module, facts, *, batch_size, data=None):
        super().__init__(module, facts, batch_size=batch_size, data=data)
        self.batches = []

    def as_record(self, given):
        if not isinstance(given, (int, str)):
            raise UserError(f"{given!r} is not a number")
        return int(given)

    def run(self, records, attention):
        assert not torch.is_grad_enabled()
        assert not self.module.training
        self.batches.append(records)
        for record in records:
            yield 2 * record, attention

    def answer(self, result):
        return {"double": result[0]}

    def weights(self, result):
        assert result[1]
        return {"layer": AttentionWeights("layer", np.array([1.0]), (Axis("items"),))}

    def picture(self, result):
        assert result[1]
        return Picture(str(result[0]), "<b>double</b>")


@pytest.fixture
def module():
    return BaseTaskModule(nn.Linear(2, 2), torch.optim.SGD)


def make(module, batch_size=2, data=None):
    return Doubles(module, {}, batch_size=batch_size, data=data)


def test_records_are_predicted_in_batches_and_in_order(module):
    predictor = make(module)
    assert [one["double"] for one in predictor.predict([1, "2", 3, 4, 5])] == [2, 4, 6, 8, 10]
    assert predictor.batches == [[1, 2], [3, 4], [5]]
    everything = make(module, batch_size=None)
    assert len(list(everything.predict(range(7)))) == 7
    assert everything.batches == [list(range(7))]
    assert list(everything.predict([])) == []


def test_a_batch_is_computed_when_it_is_needed(module):
    predictor = make(module)
    next(predictor.predict(iter([1, 2, 3])))
    assert predictor.batches == [[1, 2]]


def test_attention_and_pictures_request_weights(module):
    predictor = make(module)
    assert [list(found) for found in predictor.attention([1, 2, 3])] == [["layer"]] * 3
    assert [picture.name for picture in predictor.draw([1, 2])] == ["2", "4"]


def test_gradients_and_training_mode_outside_are_untouched(module):
    predictor = make(module)
    for _ in predictor.predict([1, 2, 3]):
        assert torch.is_grad_enabled()
        module.train()  # a user trains further between two batches


def test_as_many_results_as_records_are_required(module):
    predictor = make(module)
    predictor.run = lambda records, attention: [(1, False)]
    with pytest.raises(RuntimeError, match="gave 1 results for 2 records"):
        list(predictor.predict([1, 2]))


def test_data_are_built_once_and_only_when_used(module):
    built = []
    predictor = make(module, data=lambda: built.append(1) or "data")
    assert built == []
    assert (predictor.data, predictor.data, built) == ("data", "data", [1])
    with pytest.raises(UserError, match="needs the training data"):
        _ = make(module).data


def test_counts_and_records_that_are_wrong_raise_user_errors(module):
    with pytest.raises(UserError, match=r"predict\.batch_size must be at least 1, got 0"):
        make(module, batch_size=0)
    with pytest.raises(UserError, match=r"predict\.top must be at least 0, got -1"):
        check_counts(minimum=0, top=-1)
    with pytest.raises(UserError, match=r"1\.5 is not a number"):
        list(make(module).predict([1.5]))
    with pytest.raises(UserError, match="reads no labels"):
        make(module).labelled_batches("file.csv")
