"""Speed of the beam search relative to real time, and memory by the length of an utterance.

    python benchmarks/speech_decoding.py [--ckpt RUN/checkpoints/best.ckpt] [--threads 1] [--quick]

With a checkpoint, the test split of its data is recognized; the time includes reading files and computing features. In
any case, a network of the preset's size with random weights, whose texts are longer than real ones, recognizes
utterances of 5 to 80 s; the printed memory is the peak of the process. Target: at least 20 times faster than real time.
"""

import argparse
import resource
import time
from pathlib import Path

import torch

from suite.config.compose import compose
from suite.training.build import build_data, build_module
from suite.training.load import restore
from tasks.speech.search.beam import BeamSearch
from tasks.speech.units import SPECIAL

FACTS = {
    "num_features": 39,
    "units": {"kind": "characters", "names": [*SPECIAL, " ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]},
    "transcripts": ["ONE TWO", "A B C"],
    "frames_per_unit": 10.0,
}


def measure_checkpoint(path: Path) -> None:
    config, module, *_ = restore(path, [])
    data = build_data(config)
    seconds = data.provenance()["seconds_test"]
    for name, weight in (("joint", 0.3), ("CTC", 1.0), ("attention", 0.0)):
        started = time.perf_counter()
        for batch in data.split_dataloader("test"):
            encoded = module.net.encode(batch.features, batch.lengths)
            BeamSearch(beam=10, ctc_weight=weight)(module.net, encoded)
        spent = time.perf_counter() - started
        print(f"{name:10} {seconds:.0f} s of speech in {spent:.2f} s: {seconds / spent:.0f} times real time")


def measure_random_weights(quick: bool) -> None:
    torch.manual_seed(0)
    net = build_module(compose(["task=speech", "data=speech/synthetic"]), FACTS).net.eval()
    search = BeamSearch(beam=10, ctc_weight=0.3, max_units_per_position=0.25)
    for seconds in (1, 2) if quick else (5, 10, 20, 40, 80):
        frames = 100 * seconds
        started = time.perf_counter()
        with torch.no_grad():
            search(net, net.encode(torch.randn(1, frames, 39), torch.tensor([frames])))
        spent = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{seconds:4d} s of speech: {seconds / spent:.0f} times real time, peak of the process {peak:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.no_grad():
        if args.ckpt:
            measure_checkpoint(args.ckpt)
        measure_random_weights(args.quick)
