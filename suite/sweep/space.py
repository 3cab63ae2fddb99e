"""The parameters and options of a sweep, parsed from its command line in Hydra's grammar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
from omegaconf import OmegaConf

from suite.errors import UserError, did_you_mean

GRAMMAR = "choice(4, 8), interval(0.1, 0.9), tag(log, interval(1e-4, 1e-1)) or range(1, 9)"


class Parameter(NamedTuple):
    """A key that varies: a choice of ``values``, or a number between ``low`` and ``high``."""

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: int = 0  # 0: any number in between
    log: bool = False

    @property
    def example(self) -> Any:
        """A valid value."""
        return self.values[0] if self.values else self.low


class Options(NamedTuple):
    """The options ``sweep.*`` of the command."""

    trials: int = 20
    parallel: int = 1  # trials at the same time
    devices: list[str] | None = None  # of trials at the same time: [0,1] one GPU each, ["0,1","2,3"] two each
    monitor: str | None = None  # null: the metric of the task's selection
    mode: str | None = None  # max or min; null: that of the task's selection
    prune: bool = True  # stop trials that are worse than the median
    warmup: int = 5  # rounds of validation before a trial may be stopped
    seed: int = 0  # of the sampler
    dir: str | None = None  # null: a new directory in runs/sweeps/
    wandb: str | None = None  # file: write the sweep.yaml of W&B and stop


class Sweep(NamedTuple):
    """A parsed command: overrides of all trials, parameters that vary, and options."""

    fixed: list[str]
    space: list[Parameter]
    options: Options


def parse(words: list[str]) -> Sweep:
    """Parse the arguments of the command. Raises UserError for an unknown option, and if nothing varies."""
    settings, others = {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if not key.startswith("sweep."):
            others.append(word)
            continue
        name = key.removeprefix("sweep.")
        if name not in Options._fields or not equals:
            raise UserError(f"{key} is not known.{did_you_mean(name, Options._fields)}")
        settings[name] = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))["value"]  # type: ignore[index, call-overload]
    fixed, space = [], []
    for word, override in zip(others, OverridesParser.create().parse_overrides(others), strict=True):
        if override.is_sweep_override():
            space.append(_parameter(override.key_or_group, override.value()))
        else:
            fixed.append(word)
    if not space:
        raise UserError(f"nothing varies; set a key to {GRAMMAR}, for example optim.lr=choice(1e-3,1e-2)")
    return Sweep(fixed, space, _checked(settings))


def _checked(settings: Mapping[str, Any]) -> Options:
    if isinstance(devices := settings.get("devices"), list):
        named = [str(device) for device in devices]
        settings = {**settings, "devices": named, "parallel": len(named)}
    options = Options(**settings)
    for name in ("trials", "parallel", "warmup"):
        value = getattr(options, name)
        least = 0 if name == "warmup" else 1
        if not isinstance(value, int) or value < least:
            raise UserError(f"sweep.{name} must be at least {least}, got {value}")
    if options.mode not in (None, "max", "min"):
        raise UserError(f"sweep.mode must be max or min, got {options.mode}")
    return options


def _parameter(key: str, value: Any) -> Parameter:
    if isinstance(value, ChoiceSweep):
        return Parameter(key, tuple(_plain(item) for item in value.list))
    log = "log" in value.tags
    if isinstance(value, IntervalSweep):
        low, high = float(value.start or 0.0), float(value.end or 0.0)
        whole = "int" in value.tags
        return Parameter(key, (), low, high, int(whole), log)
    if isinstance(value, RangeSweep):
        step = float(value.step)
        if step != int(step):
            raise UserError(f"{key}: the step of a range must be a whole number; use choice or interval")
        start, stop = int(value.start or 0), int(value.stop or 0)
        return Parameter(key, (), start, start + (stop - start - 1) // int(step) * int(step), int(step), log)
    raise UserError(f"{key} has an unknown space; write {GRAMMAR}")


def _plain(item: Any) -> Any:
    text = getattr(item, "text", item)  # a quoted string
    return str(text) if isinstance(text, (list, dict)) else text


def objective(options: Options, config: Mapping[str, Any]) -> tuple[str, str]:
    """Return the metric and its direction: those of the options, else those of the task's selection."""
    rule = (config.get("selection") or {}).get("rule") or {}
    found = {"max": rule.get("maximize"), "min": None} | {
        rule.get("mode", "max"): rule.get("monitor") or rule.get("maximize")
    }
    monitor = options.monitor or next((name for name in found.values() if name), None)
    if monitor is None:
        raise UserError("this task's selection has no metric; set sweep.monitor=val/METRIC sweep.mode=max|min")
    if monitor.startswith("test/"):
        raise UserError(
            f"sweep.monitor={monitor} would choose by the test split; use {monitor.replace('test/', 'val/')}"
        )
    mode = options.mode or next((mode for mode, name in found.items() if name == monitor), None)
    if mode is None:
        raise UserError(f"sweep.monitor={monitor} needs sweep.mode=max or min")
    return monitor, mode


def wandb_config(sweep: Sweep, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a sweep of W&B over the same parameters; its agent starts ``attn train``."""
    monitor, mode = objective(sweep.options, config)
    parameters: dict[str, Any] = {}
    for item in sweep.space:
        if item.values:
            parameters[item.key] = {"values": list(item.values)}
        else:
            kind = "q_log_uniform_values" if item.step and item.log else "log_uniform_values" if item.log else "uniform"
            kind = "int_uniform" if item.step == 1 and not item.log else kind
            ends: list[float] = [int(item.low), int(item.high)] if item.step else [item.low, item.high]
            parameters[item.key] = {"distribution": kind, "min": ends[0], "max": ends[1]}
    return {
        "name": folder.name,
        "method": "bayes",
        "metric": {"name": monitor, "goal": "maximize" if mode == "max" else "minimize"},
        "run_cap": sweep.options.trials,
        "parameters": parameters,
        "command": ["attn", "train", *sweep.fixed, "logger=wandb", "${args_no_hyphens}"],
    }
