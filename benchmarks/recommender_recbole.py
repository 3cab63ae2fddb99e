"""Time of an epoch of SASRec on MovieLens 100K, ours against RecBole 1.2.1's.

    python benchmarks/recommender_recbole.py [--recbole ENVIRONMENT/bin/python] [--steps 3] [--rounds 3] [--quick]

RecBole runs in its own environment, whose interpreter ``--recbole`` names; without it, only our epoch is timed.
RecBole's default (two layers, two heads, 64/256, dropout 0.5, length 50, cross-entropy over all items) encodes the
prefix of each target separately, 2,048 in a step. Its epoch has 48 steps, of which ``--steps`` are timed in each round.
Ours is a whole epoch over the same 97,171 targets with the same shape, in windows. The contexts differ, so read the
times together with the metrics in tasks/recommender/RESULTS.md. Target: at most 0.015 of RecBole's time.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

THEIRS = """
import sys, time, types
import numpy as np
OLD = {"bool": bool, "int": int, "float": float, "object": object}
OLD |= {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
for name, kind in OLD.items():
    if name not in np.__dict__:
        setattr(np, name, kind)

class Absent(types.ModuleType):  # tuners that training does not call
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *a, **k: None})

for name in ("ray", "ray.tune", "ray.tune.schedulers", "hyperopt", "hyperopt.base", "hyperopt.utils",
             "hyperopt.pyll", "hyperopt.pyll.base", "torch.utils.tensorboard", "tensorboard"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = Absent(name)
import torch
torch.set_num_threads(THREADS)
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, init_seed
sys.argv = sys.argv[:1]
options = {"train_neg_sample_args": None, "show_progress": False, "use_gpu": False}
if DATA:
    options["data_path"] = DATA
config = Config(model="SASRec", dataset="ml-100k", config_dict=options)
init_seed(1, True)
data = create_dataset(config)
train, _, _ = data_preparation(config, data)
net = get_model("SASRec")(config, train.dataset)
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
batches = [b for b, _ in zip(train, range(STEPS))]
print("ready", len(train), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    for batch in batches:
        adam.zero_grad(); net.calculate_loss(batch).backward(); adam.step()
    print((time.perf_counter() - started) / len(batches), flush=True)
"""


class RecBole:
    """RecBole's training, in a process that times some steps for each line of its standard input."""

    def __init__(self, python: str, **values: object) -> None:
        program = "\n".join([*(f"{name} = {value!r}" for name, value in values.items()), THEIRS])
        command = [python, "-W", "ignore", "-c", program]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready = next((line for line in self.process.stdout if line.startswith("ready")), None)
        if ready is None:
            sys.exit("RecBole did not start; see its message above")
        self.steps = int(ready.split()[1])

    def epoch(self) -> float:
        """Seconds of an epoch, extrapolated from the timed steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("time\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) * self.steps


def our_epochs(quick: bool) -> Iterator[float]:
    """Seconds of an epoch of ours, without end; ``quick`` takes synthetic data."""
    from suite.config.compose import compose
    from suite.training.build import build_data, build_module

    shape = ["data.max_length=50", "model.dropout=0.5", "attention.dropout=0.5", "data.positions=2048"]
    config = compose(["task=recommender", *(["data=recommender/synthetic"] if quick else []), *shape])
    data = build_data(config)
    module = build_module(config, data.facts()).train()
    adam = module.configure_optimizers()
    while True:
        started = time.perf_counter()
        for batch in data.train_dataloader():
            loss = module.compute_loss(batch)
            adam.zero_grad()
            loss.backward()
            adam.step()
        yield time.perf_counter() - started


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recbole", help="the Python of an environment with recbole==1.2.1")
    parser.add_argument("--data", help="folder that contains RecBole's ml-100k folder; its own example unless given")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one round on synthetic data: shows that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    values = {"STEPS": options.steps, "THREADS": options.threads, "DATA": options.data}
    peer = RecBole(options.recbole, **values) if options.recbole else None
    theirs, ours, epochs = [], [], our_epochs(options.quick)
    for _ in range(1 if options.quick else options.rounds):
        if peer:
            theirs.append(peer.epoch())
        ours.append(next(epochs))
    print(f"{options.threads} threads; an epoch of ours: {statistics.median(ours):.2f} s")
    if peer:
        peer.process.communicate()
        ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
        print(f"an epoch of RecBole, {peer.steps} steps: {statistics.median(theirs):.1f} s; ratio {ratio:.4f}")


if __name__ == "__main__":
    main()
