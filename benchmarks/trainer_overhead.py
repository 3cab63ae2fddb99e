"""What the Trainer adds to a pass over the graph: the default run of ``attn train task=graph`` against a bare loop.

    python benchmarks/trainer_overhead.py [--passes 800] [--rounds 5] [--threads 1] [--quick]

Both train for a pass, then validate: loss and accuracy. The run has everything a default run has: metrics in a CSV
file, selection that keeps the best weights, checkpoints, and the Trainer's start and end; 800 passes are what it
usually takes. Beside Cora a graph of 61 nodes with as many features: the weights are as many, a pass is short, and
what the Trainer adds is larger than the noise. Target: at most 0.5 ms a pass.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from graph_step import cora
from timing import interleaved

from suite.config.compose import compose
from suite.training.batches.order import EpochOrder
from suite.training.build import build_callbacks, build_data, build_loggers, build_module, build_trainer
from suite.training.callbacks.signals import StopSignals
from suite.training.callbacks.validation import ValidateEpochs
from suite.training.config import RunConfig
from tasks.graph.data import GraphData


def bare(config: dict[str, Any], data: GraphData, passes: int) -> Callable[[], object]:
    """A plain loop over the module's own step and measurement."""

    def run() -> None:
        module, batch = build_module(config, data.facts()), data.batch
        optimizer = module.configure_optimizers()
        module.train()
        for _ in range(passes):
            optimizer.zero_grad()
            loss = module.compute_loss(batch)
            loss.backward()
            optimizer.step()
            metrics = {"train/loss": float(loss.detach()), **module.split_metrics(batch, "val")}
        assert metrics["accuracy"] >= 0

    return run


def default(config: dict[str, Any], data: Any, steps: int, validates: bool = True) -> Callable[[], object]:
    """What ``attn train`` runs, in a new directory each time."""

    def run() -> None:
        settings, module = RunConfig.parse(config), build_module(config, data.facts())
        with tempfile.TemporaryDirectory() as folder, StopSignals() as signals:
            callbacks = build_callbacks(settings, Path(folder) / "checkpoints", signals, module)
            trainer = build_trainer(
                settings.trainer,
                callbacks=[one for one in callbacks if validates or not isinstance(one, ValidateEpochs)],
                loggers=build_loggers(settings, Path(folder)),
                limit_val_batches=0,
            )
            with data.distributed(EpochOrder(trainer, config["seed"])):
                trainer.fit(module, datamodule=data)
            assert trainer.global_step == steps

    return run


def show(name: str, calls: dict[str, Callable[[], object]], rounds: int, steps: int) -> None:
    """A row: milliseconds a step of the bare loop and the default run, and the median of what a round's run adds."""
    samples = interleaved(calls, rounds, least=0.0)
    loop, run = (statistics.median(samples[key]) / steps for key in calls)
    pairs = zip(samples["bare"], samples["default"], strict=True)
    added = statistics.median(mine - other for other, mine in pairs) / steps
    print(f"{name:14} {loop:10.3f}  {run:12.3f}  {added:6.3f}  {added / loop:6.1%}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few passes: shows that it runs")
    options = parser.parse_args(arguments)
    passes, rounds = (5, 1) if options.quick else (options.passes, options.rounds)
    torch.set_num_threads(options.threads)
    config = compose(["task=graph", f"trainer.max_steps={passes}", "selection.patience=1000000", "trainer=cpu"])
    tiny = build_data(compose(["task=graph", "data=graph/synthetic", "data.num_features=1433"]))
    print(f"\n{'ms a pass':14}  bare loop   default run   added")
    for name, data in (("Cora", cora()), ("61 nodes", tiny)):
        show(name, {"bare": bare(config, data, passes), "default": default(config, data, passes)}, rounds, passes)


if __name__ == "__main__":
    main()
