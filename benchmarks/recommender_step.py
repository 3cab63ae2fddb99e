"""A training step, sampling and evaluation on MovieLens 1M's sizes, against the usual PyTorch port of SASRec.

    python benchmarks/recommender_step.py [--threads 1 2] [--rounds 5] [--quick]

The peer is the step of the widely used port, written anew after its description: histories padded to 200 in front, 128
a batch, width 50, one head, two blocks whose feed-forward has that width, dropout 0.2 in ``nn.MultiheadAttention`` too,
binary cross-entropy against one negative, negatives drawn in Python one by one; it evaluates users one by one among 101
candidates. Ours has the same network shape and loss; a step is scaled to the same number of targets, since batches
differ. Our evaluation ranks all items of 200 users. Targets: a step at most 0.22 of the peer's, an evaluation 0.2.
"""

import argparse
import random
from itertools import accumulate, product

import numpy as np
import torch
import torch.nn.functional as F
from timing import implementations, interleaved, show
from torch import Tensor, nn

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module
from tasks.recommender.batch import EvaluationHistories, batch_sizes
from tasks.recommender.data import RecommenderData

LENGTH, WIDTH, BATCH = 200, 50, 128


class Port(nn.Module):
    """The network of the usual port."""

    def __init__(self, num_items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(num_items + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LENGTH + 1, WIDTH, padding_idx=0)
        self.drop = nn.Dropout(0.2)
        self.heads = nn.ModuleList(nn.MultiheadAttention(WIDTH, 1, 0.2) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-8) for _ in range(5))
        self.up = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(2))
        self.down = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(2))

    def forward(self, log: Tensor) -> Tensor:
        x = self.items(log) * WIDTH**0.5
        x = self.drop(x + self.places(torch.arange(1, LENGTH + 1) * (log != 0)))
        causal = ~torch.tril(torch.ones(LENGTH, LENGTH, dtype=torch.bool))
        for block in range(2):
            x = x.transpose(0, 1)
            query = self.norms[2 * block](x)
            x = (query + self.heads[block](query, x, x, attn_mask=causal)[0]).transpose(0, 1)
            x = self.norms[2 * block + 1](x)
            hidden = self.drop(self.up[block](x.transpose(1, 2))).relu()
            x = x + self.drop(self.down[block](hidden)).transpose(1, 2)
        return self.norms[4](x)


class PortData:
    """Histories in front-padded rows, sampled one user after another, as the port does."""

    def __init__(self, data: RecommenderData) -> None:
        histories, self.num_items = data.histories, data.histories.num_items
        self.train = [
            histories.items[a:b].tolist() for a, b in zip(histories.offsets[:-1], data.split.train_ends, strict=True)
        ]

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        rows = np.zeros((3, BATCH, LENGTH), dtype=np.int64)
        for row in range(BATCH):
            events = self.train[random.randrange(len(self.train))]
            while len(events) <= 1:
                events = self.train[random.randrange(len(self.train))]
            known, following, place = set(events), events[-1], LENGTH - 1
            for event in reversed(events[:-1]):
                rows[0, row, place], rows[1, row, place] = event, following
                negative = random.randint(1, self.num_items)
                while negative in known:
                    negative = random.randint(1, self.num_items)
                rows[2, row, place] = negative
                following, place = event, place - 1
                if place < 0:
                    break
        return tuple(map(torch.from_numpy, rows))  # type: ignore[return-value]


def ml_1m() -> RecommenderData:
    """MovieLens 1M, or made-up histories of its size."""
    try:
        return build_data(compose(["task=recommender", "data=recommender/ml-1m"]))
    except UserError as error:
        print(f"no MovieLens 1M ({error}); using generated histories of its size")
        sizes = {"num_users": 6040, "num_items": 3416, "mean_events": 165.0, "max_length": LENGTH, "positions": 8192}
        words = [f"data.{key}={value}" for key, value in sizes.items()]
        return build_data(compose(["task=recommender", "data=recommender/synthetic", *words]))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs")
    options = parser.parse_args(arguments)
    rounds, least = (1, 0.0) if options.quick else (options.rounds, 0.2)
    torch.manual_seed(0)
    random.seed(0)
    data = ml_1m()
    port, source = Port(data.histories.num_items), PortData(data)
    adam = torch.optim.Adam(port.parameters(), lr=1e-3, betas=(0.9, 0.98))
    given = source.batch()

    def port_step() -> None:
        log, positive, negative = given
        port.train()
        hidden = port(log)
        real = positive != 0
        scores = [(hidden * port.items(x)).sum(-1)[real] for x in (positive, negative)]
        loss = F.binary_cross_entropy_with_logits(scores[0], torch.ones_like(scores[0]))
        loss = loss + F.binary_cross_entropy_with_logits(scores[1], torch.zeros_like(scores[1]))
        adam.zero_grad()
        loss.backward()
        adam.step()

    candidates = torch.from_numpy(np.random.default_rng(0).integers(1, data.histories.num_items + 1, (200, 101)))

    @torch.no_grad()
    def port_evaluation() -> None:
        port.eval()
        for user in range(200):
            events = source.train[user][-LENGTH:]
            log = torch.zeros(1, LENGTH, dtype=torch.long)
            log[0, LENGTH - len(events) :] = torch.tensor(events)
            scores = -(port(log)[:, -1] @ port.items(candidates[user]).t())
            scores.argsort().argsort()[0, 0].item()

    shape = ["model.embed_dim=50", "model.num_heads=1", "model.hidden_dim=50", "model.dropout=0.2"]
    targets = int((given[1] != 0).sum())
    calls = {"port, BCE": port_step}
    for objective, implementation in product(("bce", "softmax"), implementations()):
        choices = (f"objective=recommender/{objective}", f"attention.implementation={implementation}")
        module = build_module(compose(["task=recommender", *choices, *shape]), data.facts())
        calls[f"ours, {objective}, {implementation}"] = our_step(module, data, targets)
    module.eval()
    users = some_users(data, 200)

    @torch.no_grad()
    def our_evaluation() -> None:
        for batch in users:
            module.rankings[""](module.net.scores(batch.items, batch.lengths), batch.targets, batch.seen)

    for threads in [1] if options.quick else options.threads:
        torch.set_num_threads(threads)
        show(f"training step, {targets} targets, {threads} threads", interleaved(calls, rounds, least))
        sampling = {"port": source.batch, "ours": drawing(data, targets)}
        show(f"sampling a batch, {threads} threads", interleaved(sampling, rounds, least))
        evaluations = {"port, 101 candidates": port_evaluation, "ours, all items": our_evaluation}
        show(f"evaluating 200 users, {threads} threads", interleaved(evaluations, rounds, least))


def our_step(module, data: RecommenderData, targets: int):  # type: ignore[no-untyped-def]
    """Steps over batches that hold about ``targets`` targets together: the mean over all lengths."""
    adam = module.configure_optimizers()
    batches, left = [], targets
    for batch in data.train_dataloader():
        if left <= 0:
            break
        batches.append(batch)
        left -= int((batch.lengths - 1).sum())

    def step() -> None:
        module.train()
        for batch in batches:
            loss = module.compute_loss(batch)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return step


def drawing(data: RecommenderData, targets: int):  # type: ignore[no-untyped-def]
    """Cutting batches with about ``targets`` targets; the borders of a whole epoch are drawn apart."""
    batches = iter(data.train_dataloader())

    def draw() -> None:
        nonlocal batches
        left = targets
        while left > 0:
            batch = next(batches, None)
            if batch is None:
                batches = iter(data.train_dataloader())
                continue
            left -= int((batch.lengths - 1).sum())

    return draw


def some_users(data: RecommenderData, number: int) -> EvaluationHistories:
    """The validation events of the first users only, cut into batches as they would be alone."""
    loader = data.split_dataloader("val")
    assert isinstance(loader, EvaluationHistories)
    keep = loader.owner < number
    loader.targets, loader.owner = loader.targets[keep], loader.owner[keep]
    loader.starts, loader.lengths = loader.starts[keep], loader.lengths[keep]
    loader.begins = [0, *accumulate(batch_sizes(loader.lengths.tolist(), data.evaluation_positions))]
    return loader


if __name__ == "__main__":
    main()
