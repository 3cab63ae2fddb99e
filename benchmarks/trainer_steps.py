"""What the Trainer adds to an optimiser step of every task that trains by batches, against a bare loop.

    python benchmarks/trainer_steps.py [--steps 200] [--rounds 5] [--threads 1] [--made-up] [--quick] [TASK ...]

Both take the same batches: loss, backward, clipping and averaged weights where the task has them, optimiser.
The run has what a default run has: the seeded order of the batches, the check of every
gradient before a step, signals, selection, checkpoints and the Trainer's start and end; neither validates. The data are
the task's default; synthetic without its files, or with --made-up: there steps are short, and what is added
is larger than the noise. For graphs see trainer_overhead.py. Target: less than 10 % of the step.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import torch
from trainer_overhead import default, show

from suite.config.compose import compose
from suite.config.packages import options as presets
from suite.errors import UserError
from suite.training.build import build_data, build_module, instantiate
from suite.training.callbacks.averaging import WeightAveraging


def endless(data: Any, steps: int) -> Iterator[Any]:
    """``steps`` training batches, epoch after epoch."""
    taken = 0
    while True:
        for batch in data.train_dataloader():
            yield batch
            taken += 1
            if taken == steps:
                return


def bare(config: dict[str, Any], data: Any, steps: int) -> Callable[[], object]:
    """A plain loop over the module's own loss."""
    clip = config["trainer"]["gradient_clip_val"]
    averages = [node for node in (config.get("callbacks") or {}).values() if "WeightAveraging" in node["_target_"]]

    def run() -> None:
        module = build_module(config, data.facts()).train()
        optimizer = module._optim(module.parameters())
        averaging: list[WeightAveraging] = [instantiate(node, "averaging") for node in averages]
        for step, batch in enumerate(endless(data, steps), start=1):
            optimizer.zero_grad()
            module.compute_loss(batch).backward()  # type: ignore[attr-defined]
            if clip:
                torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
            optimizer.step()
            for average in averaging:
                average.update(module.net, step)

    return run


def prepared(task: str, steps: int, made_up: bool) -> tuple[dict[str, Any], Any]:
    """Config and data of a task: its default data, or made-up ones."""
    words = [f"task={task}", f"trainer.max_steps={steps}", "trainer.max_epochs=-1", "trainer=cpu"]
    if not made_up:
        try:
            config = compose(words)
            return config, build_data(config)
        except UserError as error:
            print(f"{task}: made-up data ({error})")
    config = compose([*words, f"data={task}/synthetic"])
    return config, build_data(config)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--made-up", action="store_true", help="the tasks' synthetic data")
    parser.add_argument("--quick", action="store_true", help="a few steps: shows that it runs")
    parser.add_argument("tasks", nargs="*", metavar="TASK", default=presets("task"))
    options = parser.parse_args(arguments)
    steps, rounds = (4, 1) if options.quick else (options.steps, options.rounds)
    torch.set_num_threads(options.threads)
    print(f"\n{'ms a step':14}  bare loop   default run   added")
    for task in options.tasks:
        config, data = prepared(task, steps, options.made_up or options.quick)
        if not hasattr(build_module(config, data.facts()), "compute_loss"):
            continue
        calls = {"bare": bare(config, data, steps), "default": default(config, data, steps, validates=False)}
        show(task, calls, rounds, steps)


if __name__ == "__main__":
    main()
