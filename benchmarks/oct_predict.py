"""Predicting a folder of images: seconds for 1,000 and the memory it takes.

    python benchmarks/oct_predict.py [--images 1000] [--threads 2] [--quick]

Phantoms of 160 x 512 are written as JPEG and predicted by a network of the size of ``experiment=oct/kermany``, through
its straightened view. Targets: 1,000 images in less than 60 s, and memory that does not grow with their number.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from suite.api.build import build_predictor
from suite.config.compose import compose
from suite.training.build import build_module
from tasks.oct.simulation import CLASSES, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="40 images")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    number = 40 if options.quick else options.images
    facts = {"num_channels": 1, "height": 96, "width": 256, "view": "flat", "class_names": CLASSES, "num_lesions": 8}
    config = compose(["experiment=oct/kermany"])
    pixels, _ = simulate(np.arange(20) % 4, 160, 512, np.random.RandomState(0))
    with tempfile.TemporaryDirectory() as folder:
        for place in range(number):
            Image.fromarray(pixels[place % 20]).save(Path(folder) / f"{place:05d}.jpeg")
        predictor = build_predictor(config, build_module(config, facts), facts)
        half = number // 2
        started, peaks = time.perf_counter(), []
        for place, _ in enumerate(predictor.predict(predictor.read(folder)), start=1):
            if place in (half, number):
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        seconds = time.perf_counter() - started
    print(f"{number} images in {seconds:.1f} s, {1e3 * seconds / number:.1f} ms an image, {options.threads} thread(s)")
    print(f"largest memory {peaks[0]:.0f} MiB after half of them, {peaks[1]:.0f} MiB after all")


if __name__ == "__main__":
    main()
