"""Selection of the best weights and early stopping, by metrics of the validation split."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

import lightning.pytorch as pl
from torch import Tensor

from suite.errors import UserError
from suite.training.processes import sharded_weights


class Verdict(NamedTuple):
    """The decision of a rule about one round of validation.

    Args:
        progress: whether the patience restarts.
        best: whether the weights are the best so far.
    """

    progress: bool
    best: bool


class Rule(Protocol):
    """Decides about the metrics of each round of validation, in order, and has a state that is saved."""

    def judge(self, metrics: Mapping[str, float]) -> Verdict:
        """Return the decision about this round, compared with the rounds before."""
        ...

    def state_dict(self) -> dict[str, float]:
        """Return the best values so far."""
        ...

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the best values so far."""
        ...


class Best:
    """Selects the weights with the best value of one metric; of equal values the first.

    Args:
        monitor: name of the metric, for example ``val/accuracy``.
        mode: whether the largest or the smallest value is the best.
    """

    def __init__(self, monitor: str, mode: Literal["max", "min"]) -> None:
        if mode not in ("max", "min"):
            raise UserError(f"mode must be 'max' or 'min', got {mode!r}")
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.best = float("-inf")

    def judge(self, metrics: Mapping[str, float]) -> Verdict:
        """A round is progress, and the best, if its value is strictly better than all before."""
        value = self.sign * _value(metrics, self.monitor)
        better = value > self.best
        self.best = max(self.best, value)
        return Verdict(better, better)

    def state_dict(self) -> dict[str, float]:
        """Return the best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the best value so far."""
        self.best = state["best"]


class JointBest:
    """Selects by accuracy and loss together, as Velickovic et al. (2018, section 3.3) do in their code of GAT.

    The patience restarts if one of them is at least as good as its best value; the weights are the best if both are.

    Args:
        maximize: name of the metric to maximise.
        minimize: name of the metric to minimise.
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

    def state_dict(self) -> dict[str, float]:
        """Return the best values so far."""
        return {"highest": self.highest, "lowest": self.lowest}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the best values so far."""
        self.highest, self.lowest = state["highest"], state["lowest"]


def _value(metrics: Mapping[str, float], name: str) -> float:
    if name not in metrics:
        raise UserError(
            f"selection monitors '{name}', which this task does not report; it reports {', '.join(metrics)}"
        )
    return metrics[name]


class Selection(pl.Callback):
    """Holds the best weights in memory, loads them at the end, and stops training early.

    Args:
        rule: decides which weights are the best.
        patience: number of rounds without progress after which training stops; None never stops it.
    """

    def __init__(self, rule: Rule, patience: int | None = None) -> None:
        self.rule = rule
        self.patience = patience
        self.rounds = 0
        self.without_progress = 0
        self.best_round = 0
        self.best_metrics: dict[str, float] = {}
        self.best_state: dict[str, Tensor] | None = None

    def on_report(self, trainer: pl.Trainer, module: pl.LightningModule, metrics: Mapping[str, float]) -> None:
        """Decide about one round of validation."""
        self.rounds += 1
        progress, best = self.rule.judge(metrics)
        if best:
            self.best_round, self.best_metrics = self.rounds, dict(metrics)
            self.best_state = sharded_weights.full_state(module)
        self.without_progress = 0 if progress else self.without_progress + 1
        self._stop_without_progress(trainer)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop a resumed run whose patience had ended."""
        self._stop_without_progress(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Load the best weights."""
        if self.best_state is not None:
            sharded_weights.load_full_state(pl_module, self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the selection, the best weights included."""
        return {
            "rounds": self.rounds,
            "without_progress": self.without_progress,
            "best_round": self.best_round,
            "best_metrics": self.best_metrics,
            "best_state": self.best_state,
            "rule": self.rule.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of the selection."""
        self.rounds, self.without_progress = state_dict["rounds"], state_dict["without_progress"]
        self.best_round, self.best_metrics = state_dict["best_round"], state_dict["best_metrics"]
        self.best_state = state_dict["best_state"]
        self.rule.load_state_dict(state_dict["rule"])

    def _stop_without_progress(self, trainer: pl.Trainer) -> None:
        if self.patience is not None and self.without_progress >= self.patience:
            trainer.should_stop = True
