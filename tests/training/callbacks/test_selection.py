"""Which round is kept and when training stops."""

from collections.abc import Callable

import pytest

from suite.errors import UserError
from suite.training.callbacks.selection import Best, JointBest, Selection, Verdict


def test_best_keeps_the_first_of_equals() -> None:
    rule = Best("val/loss", "min")
    verdicts = [rule.judge({"val/loss": loss}) for loss in (3.0, 2.0, 2.0, 2.5, 1.0)]
    assert [verdict.best for verdict in verdicts] == [True, True, False, False, True]


def test_joint_best_follows_the_authors_code() -> None:
    """As their loop: any side at least as good restarts patience, both sides keep the weights."""
    rounds = [(0.5, 2.0), (0.6, 2.1), (0.6, 1.9), (0.6, 1.9), (0.5, 1.8), (0.7, 1.85)]
    rule = JointBest()
    verdicts = [rule.judge({"val/accuracy": accuracy, "val/loss": loss}) for accuracy, loss in rounds]
    assert verdicts == [
        Verdict(True, True),
        Verdict(True, False),
        Verdict(True, True),
        Verdict(True, True),
        Verdict(True, False),
        Verdict(True, False),
    ]
    assert rule.judge({"val/accuracy": 0.6, "val/loss": 1.9}) == Verdict(False, False)


def test_an_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"monitors 'val/f1', which this task does not report; it reports val/loss"):
        Best("val/f1", "max").judge({"val/loss": 1.0})


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UserError, match="'max' or 'min'"):
        Best("val/loss", "lowest")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [lambda: Best("val/loss", "min"), JointBest])
def test_a_resumed_selection_decides_as_the_first_one(make: Callable[[], Best | JointBest]) -> None:
    rounds = [{"val/loss": loss, "val/accuracy": 1 / loss} for loss in (3.0, 2.0, 2.5, 1.0, 1.5)]
    first, second = Selection(make(), 2), Selection(make(), 2)
    for metrics in rounds[:3]:
        first.rule.judge(metrics)
    first.rounds, first.best_metrics = 3, rounds[1]
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    assert [second.rule.judge(metrics) for metrics in rounds[3:]] == [first.rule.judge(x) for x in rounds[3:]]
