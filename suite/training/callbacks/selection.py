"""Which weights to keep, and when to stop: decided on validation alone."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

import lightning.pytorch as pl
from torch import Tensor

from suite.errors import UserError
from suite.training.processes import sharded_weights


class Verdict(NamedTuple):
    """What a rule says of one round: ``progress`` resets the patience, ``best`` keeps the weights."""

    progress: bool
    best: bool


class Rule(Protocol):
    """Judges rounds of metrics, in order."""

    def judge(self, metrics: Mapping[str, float]) -> Verdict:
        """Compare this round with those before it."""


class Best:
    """Keep the weights with the best value of one metric; the first of equals wins."""

    def __init__(self, monitor: str, mode: Literal["max", "min"]) -> None:
        if mode not in ("max", "min"):
            raise UserError(f"mode must be 'max' or 'min', got {mode!r}")
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.best = float("-inf")

    def judge(self, metrics: Mapping[str, float]) -> Verdict:
        """Progress and best are the same: strictly better than any round before."""
        value = self.sign * _value(metrics, self.monitor)
        better = value > self.best
        self.best = max(self.best, value)
        return Verdict(better, better)


class JointBest:
    """The GAT authors' rule: accuracy and loss together (Velickovic et al. 2018, section 3.3 and their code).

    Patience restarts when either is at least as good as ever; the weights are kept when both are.
    """

    def __init__(self, maximize: str = "val/accuracy", minimize: str = "val/loss") -> None:
        self.maximize, self.minimize = maximize, minimize
        self.highest, self.lowest = float("-inf"), float("inf")

    def judge(self, metrics: Mapping[str, float]) -> Verdict:
        """Compare both metrics with their best values so far."""
        high = _value(metrics, self.maximize) >= self.highest
        low = _value(metrics, self.minimize) <= self.lowest
        self.highest = max(self.highest, metrics[self.maximize])
        self.lowest = min(self.lowest, metrics[self.minimize])
        return Verdict(high or low, high and low)


def _value(metrics: Mapping[str, float], name: str) -> float:
    if name not in metrics:
        raise UserError(f"selection watches '{name}', which this task does not report; it reports {', '.join(metrics)}")
    return metrics[name]


class Selection(pl.Callback):
    """Keeps the best weights in memory, stops after ``patience`` rounds without progress, restores them at the end."""

    def __init__(self, rule: Rule, patience: int | None = None) -> None:
        self.rule = rule
        self.patience = patience
        self.rounds = 0
        self.without_progress = 0
        self.best_round = 0
        self.best_metrics: dict[str, float] = {}
        self.best_state: dict[str, Tensor] | None = None

    def on_report(self, trainer: pl.Trainer, module: pl.LightningModule, metrics: Mapping[str, float]) -> None:
        """Judge one round of metrics."""
        self.rounds += 1
        progress, best = self.rule.judge(metrics)
        if best:
            self.best_round, self.best_metrics = self.rounds, dict(metrics)
            self.best_state = sharded_weights.full_state(module)
        self.without_progress = 0 if progress else self.without_progress + 1
        self._stop_or_go_on(trainer)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that was killed after its patience ended does not train again."""
        self._stop_or_go_on(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go back to the best weights."""
        if self.best_state is not None:
            sharded_weights.load_full_state(pl_module, self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to judge on, the best weights among it: one file holds one moment."""
        return {
            "rounds": self.rounds,
            "without_progress": self.without_progress,
            "best_round": self.best_round,
            "best_metrics": self.best_metrics,
            "best_state": self.best_state,
            "rule": dict(vars(self.rule)),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on judging where it stood."""
        state = dict(state_dict)
        vars(self.rule).update(state.pop("rule"))
        vars(self).update(state)

    def _stop_or_go_on(self, trainer: pl.Trainer) -> None:
        if self.patience is not None and self.without_progress >= self.patience:
            trainer.should_stop = True
