"""An epoch of MovieLens 100K against RecBole 1.2.1's SASRec, which stays in an environment of its own.

    python benchmarks/recommender_recbole.py --recbole ENVIRONMENT/bin/python [--steps 3] [--rounds 3] [--threads 1]

RecBole's default (two layers, two heads, 64/256, dropout 0.5, length 50, cross-entropy over all items) encodes the
prefix of every target by itself, 2,048 a step; its epoch is 48 steps, of which ``--steps`` are timed in each round.
Ours is a whole epoch over the same 97,171 targets with the same shape, in windows: not the same contexts, so read it
beside the accuracies in tasks/recommender/RESULTS.md. Rounds are interleaved. Target: at most 0.015.
"""

import argparse
import statistics
import subprocess
import sys
import time

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


def main(arguments: list[str] | None = None) -> None:
    from suite.config.compose import compose
    from suite.training.build import build_data, build_module

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recbole", required=True, help="the Python of an environment with recbole==1.2.1")
    parser.add_argument("--data", help="folder that holds RecBole's ml-100k folder; its own example unless given")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    facts = {"STEPS": options.steps, "THREADS": options.threads, "DATA": options.data}
    program = "\n".join([*(f"{name} = {value!r}" for name, value in facts.items()), THEIRS])
    with subprocess.Popen(
        [options.recbole, "-W", "ignore", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        line = next((line for line in peer.stdout if line.startswith("ready")), None)
        if line is None:
            sys.exit("RecBole did not start; see its message above")
        steps = int(line.split()[1])
        shape = ["data.max_length=50", "model.dropout=0.5", "attention.dropout=0.5", "data.positions=2048"]
        config = compose(["task=recommender", *shape])
        data = build_data(config)
        module = build_module(config, data.facts()).train()
        adam = module.configure_optimizers()
        theirs, ours = [], []
        for _ in range(options.rounds):
            peer.stdin.write("go\n")
            peer.stdin.flush()
            theirs.append(float(peer.stdout.readline()) * steps)
            started = time.perf_counter()
            for batch in data.train_dataloader():
                loss = module.compute_loss(batch)
                adam.zero_grad()
                loss.backward()
                adam.step()
            ours.append(time.perf_counter() - started)
        peer.stdin.close()
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    print(
        f"{options.threads} threads; an epoch of RecBole, {steps} steps: {statistics.median(theirs):.1f} s (calculated)"
    )
    print(f"an epoch of ours: {statistics.median(ours):.2f} s; ratio {ratio:.4f}")


if __name__ == "__main__":
    main()
