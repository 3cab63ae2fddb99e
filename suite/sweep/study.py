"""Trials chosen by optuna, kept in a file of the sweep's own, each run in a process of its own.

The study decides in this process alone; a trial is told its values on the command line, composes once, and starts the
processes of its run itself. So no process of a run can draw values of its own.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.errors import UserError
from suite.sweep.space import Parameter, Sweep
from suite.sweep.trial import Running

POLL = 0.3  # seconds between looks at the trials


class Study:
    """Runs ``sweep.options.trials`` trials, going on with those that were interrupted.

    Args:
        sweep: what is varied and how.
        folder: of the sweep: ``sweep.db``, ``trials/NNNN`` and their logs.
        monitor, mode: what is made ``max`` or ``min``.
        tell: called with a line on every trial that ends, at once.
    """

    def __init__(self, sweep: Sweep, folder: Path, monitor: str, mode: str, tell: Callable[[str], None]) -> None:
        optuna = _optuna()
        self.optuna, self.sweep, self.folder, self.monitor, self.tell = optuna, sweep, folder, monitor, tell
        options = sweep.options
        self.slots: list[str | None] = list(options.devices) if options.devices else [None] * options.parallel
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=options.warmup)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(
            storage=f"sqlite:///{folder / 'sweep.db'}",
            study_name="sweep",
            direction="maximize" if mode == "max" else "minimize",
            sampler=optuna.samplers.TPESampler(seed=options.seed, constant_liar=len(self.slots) > 1),
            pruner=pruner if options.prune else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self.running: dict[Any, Running] = {}

    def run(self) -> None:
        """Run what is missing; Ctrl-C lets the running trials save, and leaves them to ``attn sweep resume=DIR``."""
        state = self.optuna.trial.TrialState
        waiting = [
            self.optuna.trial.Trial(self.study, trial._trial_id)
            for trial in self.study.get_trials(deepcopy=False, states=(state.RUNNING,))
        ]
        with _interruption() as interrupted:
            try:
                while self._go_on(waiting):
                    if interrupted():
                        raise KeyboardInterrupt
                    time.sleep(POLL)
            finally:
                for running in self.running.values():
                    running.stop()
                for running in self.running.values():
                    running.process.wait()

    def _go_on(self, waiting: list[Any]) -> bool:
        """Start what there is room for and look at what runs; False where nothing is left."""
        while len(self.running) < len(self.slots) and (waiting or self._missing()):
            self._start(waiting.pop(0) if waiting else self.study.ask())
        for trial in list(self.running):
            self._look(trial)
        return bool(self.running or waiting or self._missing())

    def _missing(self) -> int:
        waiting = self.optuna.trial.TrialState.WAITING  # enqueued, and the next to be asked for
        begun = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state != waiting]
        return max(0, self.sweep.options.trials - len(begun))

    def _start(self, trial: Any) -> None:
        values = {item.key: suggest(trial, item) for item in self.sweep.space}
        words = [*self.sweep.fixed, *(f"{key}={_word(value)}" for key, value in values.items())]
        taken = [running.device for running in self.running.values()]
        device = next((slot for slot in self.slots if slot not in taken), None)
        labels = {"WANDB_RUN_GROUP": self.folder.name, "WANDB_JOB_TYPE": "trial"}
        known = len(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values)  # of one that was stopped
        self.running[trial] = Running(self.folder / "trials" / f"{trial.number:04d}", words, device, labels, known)

    def _look(self, trial: Any) -> None:
        """Pass on what a trial reported; end it where it falls behind; settle it where it ended."""
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
            self.tell(f"trial {trial.number}: {self.monitor} {value:.4f}  {_told(trial.params)}")
        elif code == 143 and "pruned" in trial.user_attrs:
            self.study.tell(trial, state=state.PRUNED)
            self.tell(f"trial {trial.number}: behind the others, ended  {_told(trial.params)}")
        else:
            trial.set_user_attr("failure", running.last_words())
            self.study.tell(trial, state=state.FAIL)
            self.tell(f"trial {trial.number}: FAILED ({running.last_words()})  {_told(trial.params)}")


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed; raised wherever it falls, it could be lost in a library's own clean-up."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def suggest(trial: Any, item: Parameter) -> Any:
    """The trial's value of one parameter."""
    if item.values:
        return trial.suggest_categorical(item.key, list(item.values))
    if item.step:
        return trial.suggest_int(item.key, int(item.low), int(item.high), step=item.step, log=item.log)
    return trial.suggest_float(item.key, item.low, item.high, log=item.log)


def _word(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _told(params: dict[str, Any]) -> str:
    return "  ".join(f"{key}={_word(value)}" for key, value in params.items())


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError("attn sweep needs optuna; install it with: pip install 'attention-suite[sweep]'") from error
    return optuna
