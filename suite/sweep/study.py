"""A study: optuna chooses the values of each trial, and each trial runs in its own process.

Only this process chooses values. A trial receives them on its command line and starts the processes of its run itself,
so all processes of a run have the same values.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.errors import UserError
from suite.sweep.space import Parameter, Sweep
from suite.sweep.trial import Running

POLL = 0.3  # seconds between two checks of the trials


class Study:
    """Runs ``sweep.options.trials`` trials, and resumes those that were interrupted.

    Args:
        sweep: parameters and options.
        folder: of the sweep, for ``sweep.db``, ``trials/NNNN`` and their logs.
        monitor: name of the metric that is optimised.
        mode: ``max`` or ``min``.
        report: called with one line of text when a trial ends.
        environment: further environment variables of the trials.
    """

    def __init__(
        self,
        sweep: Sweep,
        folder: Path,
        monitor: str,
        mode: str,
        report: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        optuna = _optuna()
        self.optuna, self.sweep, self.folder, self.monitor, self.report = optuna, sweep, folder, monitor, report
        self.environment = dict(environment or {})
        options = sweep.options
        self.slots: list[str | None] = list(options.devices) if options.devices else [None] * options.parallel
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=options.warmup)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = folder / "sweep.db"
        with _readable(path):
            self.study = optuna.create_study(
                storage=f"sqlite:///{path}",
                study_name="sweep",
                direction="maximize" if mode == "max" else "minimize",
                sampler=optuna.samplers.TPESampler(seed=options.seed, constant_liar=len(self.slots) > 1),
                pruner=pruner if options.prune else optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
            self.study.get_trials(deepcopy=False)
        self.running: dict[Any, Running] = {}

    def run(self) -> None:
        """Run the missing trials. After Ctrl-C running trials save and end; ``attn sweep resume=DIR`` resumes them."""
        state = self.optuna.trial.TrialState
        waiting = [
            self.optuna.trial.Trial(self.study, trial._trial_id)
            for trial in self.study.get_trials(deepcopy=False, states=(state.RUNNING,))
        ]
        with _interruption() as interrupted:
            try:
                while self._advance(waiting):
                    if interrupted():
                        raise KeyboardInterrupt
                    time.sleep(POLL)
            finally:
                for running in self.running.values():
                    running.stop()
                for running in self.running.values():
                    running.process.wait()

    def _advance(self, waiting: list[Any]) -> bool:
        """Start trials in free slots and check those that run. Return False when all trials have ended."""
        while len(self.running) < len(self.slots) and (waiting or self._missing()):
            self._start(waiting.pop(0) if waiting else self.study.ask())
        for trial in list(self.running):
            self._check(trial)
        return bool(self.running or waiting or self._missing())

    def _missing(self) -> int:
        waiting = self.optuna.trial.TrialState.WAITING  # enqueued; the study returns it next
        begun = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state != waiting]
        return max(0, self.sweep.options.trials - len(begun))

    def _start(self, trial: Any) -> None:
        values = {item.key: suggest(trial, item) for item in self.sweep.space}
        words = [*self.sweep.fixed, *(f"{key}={_word(value)}" for key, value in values.items())]
        taken = [running.device for running in self.running.values()]
        device = next((slot for slot in self.slots if slot not in taken), None)
        labels = {**self.environment, "WANDB_RUN_GROUP": self.folder.name, "WANDB_JOB_TYPE": "trial"}
        known = len(
            self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        )  # of a trial that is resumed
        self.running[trial] = Running(self.folder / "trials" / f"{trial.number:04d}", words, device, labels, known)

    def _check(self, trial: Any) -> None:
        """Pass new values to the study; stop a trial that is pruned; record one that has ended."""
        running, state = self.running[trial], self.optuna.trial.TrialState
        code = running.process.poll()
        for number, reported in running.new_values(self.monitor):
            trial.report(reported, number)
        if code is None:
            if "pruned" not in trial.user_attrs and trial.should_prune():
                trial.set_user_attr("pruned", True)
                running.stop()
            return
        del self.running[trial]
        trial.set_user_attr("seconds", round(running.seconds, 1))
        if code == 0:
            value = running.result().get(self.monitor)
            if value is None:
                raise UserError(f"sweep.monitor={self.monitor} is not in {running.folder}/result.json")
            self.study.tell(trial, value)
            self.report(f"trial {trial.number}: {self.monitor} {value:.4f}  {_words(trial.params)}")
        elif code == 143 and "pruned" in trial.user_attrs:
            self.study.tell(trial, state=state.PRUNED)
            self.report(f"trial {trial.number}: pruned  {_words(trial.params)}")
        else:
            trial.set_user_attr("failure", running.last_words())
            self.study.tell(trial, state=state.FAIL)
            self.report(f"trial {trial.number}: FAILED ({running.last_words()})  {_words(trial.params)}")


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C was pressed.

    KeyboardInterrupt could be lost if it were raised inside a library.
    """
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def suggest(trial: Any, item: Parameter) -> Any:
    """Return the trial's value of one parameter. Raises UserError for a value of the study that is not in the space."""
    value = _suggest(trial, item)
    if item.values:
        fits = any(value == choice and type(value) is type(choice) for choice in item.values)
    else:
        fits = type(value) in (int, float) and item.low <= value <= item.high
    if not fits:
        raise UserError(f"sweep.db is damaged: trial {trial.number} has {item.key}={str(value)[:60]}")
    return value


def _suggest(trial: Any, item: Parameter) -> Any:
    if item.values:
        return trial.suggest_categorical(item.key, list(item.values))
    if item.step:
        return trial.suggest_int(item.key, int(item.low), int(item.high), step=item.step, log=item.log)
    return trial.suggest_float(item.key, item.low, item.high, log=item.log)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Report a database that cannot be read: optuna, SQLAlchemy and SQLite each have their own errors."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, ValueError, KeyError, TypeError, AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{path} cannot be used as the database of a sweep ({reason}); start a new one with sweep.dir=DIR"
        ) from error


def _word(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _words(params: dict[str, Any]) -> str:
    return "  ".join(f"{key}={_word(value)}" for key, value in params.items())


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError("attn sweep needs optuna; install it with: pip install 'attention-suite[sweep]'") from error
    return optuna
