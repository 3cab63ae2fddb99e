"""What an epoch and a full ranking cost as users grow: 1, 4 and 16 times as many, all else equal.

    python benchmarks/recommender_users.py [--threads 1] [--quick]

Made-up histories over 1,682 items; time should grow with users and no faster.
"""

import argparse
import time

import torch

from suite.config.compose import compose
from suite.training.build import build_module
from tasks.recommender.data import SyntheticData


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few users: shows that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    base = 20 if options.quick else 200
    print(f"{'users':>7}{'epoch s':>10}{'ms a user':>11}{'ranking s':>11}{'ms a user':>11}")
    for factor in (1, 4, 16):
        torch.manual_seed(0)
        users = base * factor
        data = SyntheticData(users, 1682, 100.0, max_length=50, positions=2048)
        data.setup()
        module = build_module(compose(["task=recommender"]), data.facts())
        adam = module.configure_optimizers()
        started = time.perf_counter()
        for batch in data.train_dataloader():
            loss = module.compute_loss(batch)
            adam.zero_grad()
            loss.backward()
            adam.step()
        epoch = time.perf_counter() - started
        module.eval()
        started = time.perf_counter()
        with torch.no_grad():
            module.begin()
            for batch in data.split_dataloader("test"):
                module.keep(batch)
            module.compute_metrics()
        ranking = time.perf_counter() - started
        print(f"{users:7}{epoch:10.2f}{epoch / users * 1e3:11.3f}{ranking:11.3f}{ranking / users * 1e3:11.3f}")


if __name__ == "__main__":
    main()
