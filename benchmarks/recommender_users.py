"""Time of an epoch and of a full ranking for 1, 4 and 16 times as many users.

    python benchmarks/recommender_users.py [--threads 1] [--quick]

The data are synthetic histories over 1,682 items. Target: the time per user does not grow with the number of users.
"""

import argparse
import time

import torch

from suite.config.compose import compose
from suite.training.build import build_data, build_module


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
        made_up = [
            "data=recommender/synthetic",
            f"data.num_users={users}",
            "data.num_items=1682",
            "data.mean_events=100",
        ]
        config = compose(["task=recommender", *made_up, "data.max_length=50", "data.positions=2048"])
        data = build_data(config)
        module = build_module(config, data.facts())
        adam = module.configure_optimizers()
        started = time.perf_counter()
        for batch in data.train_dataloader():
            loss = module.compute_loss(batch)
            adam.zero_grad()
            loss.backward()
            adam.step()
        epoch = time.perf_counter() - started
        started = time.perf_counter()
        module.metrics_of(data.split_dataloader("test"))
        ranking = time.perf_counter() - started
        print(f"{users:7}{epoch:10.2f}{epoch / users * 1e3:11.3f}{ranking:11.3f}{ranking / users * 1e3:11.3f}")


if __name__ == "__main__":
    main()
