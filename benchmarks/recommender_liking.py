"""A logistic baseline for DIN on MovieLens 100K: is a rating 4 or 5?

    python benchmarks/recommender_liking.py [--quick]

The split and the events are those of DIN with ``data.split=global_time``: the last tenth of all events is the test
split, the tenth before it is the validation split, which selects the penalty. The features are one-hot: film, genres,
age group, gender, occupation; then the fraction of liked events in the user's past.
"""

import argparse

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from suite.config.compose import compose
from suite.metrics.auroc import auroc, grouped_auroc
from suite.training.build import build_data
from tasks.recommender.data import RecommenderData


def features(data: RecommenderData) -> sparse.csr_matrix:
    """One row for each event, (N, features), computed from what is known before the event."""
    histories = data.histories
    count, users = len(histories.items), histories.users
    films = sparse.csr_matrix((np.ones(count), (np.arange(count), histories.items)))
    genres = np.zeros((histories.num_items + 1, 19))
    for item, numbers in enumerate(histories.genres, start=1):
        genres[item, list(numbers)] = 1.0
    columns = [films, sparse.csr_matrix(genres[histories.items])]
    for column in zip(*histories.traits, strict=True):
        codes = np.unique(np.array(column), return_inverse=True)[1]
        columns.append(sparse.csr_matrix((np.ones(count), (np.arange(count), codes[users]))))
    liked = histories.ratings >= 4
    before = np.cumsum(liked) - liked
    start = histories.offsets[users]
    past = np.arange(count) - start
    share = (before - before[start] + 5 * 0.55) / (past + 5)  # shrunk towards the mean of all events
    return sparse.csr_matrix(sparse.hstack([*columns, sparse.csr_matrix(share[:, None])]))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one penalty and the first tenth of the training events")
    options = parser.parse_args(arguments)
    data = build_data(compose(["task=recommender", "data.split=global_time"]))
    histories, rows = data.histories, features(data)
    liked = histories.ratings >= 4
    first = histories.offsets[:-1]
    train = np.concatenate([np.arange(a, b) for a, b in zip(first, data.split.train_ends, strict=True)])
    penalties = (0.1, 0.3, 1.0, 3.0, 10.0)
    if options.quick:
        penalties, train = (0.1,), train[: len(train) // 10]
    found = []
    for strength in penalties:
        model = LogisticRegression(C=strength, max_iter=1000).fit(rows[train], liked[train])
        metrics = {}
        for split in ("val", "test"):
            targets = data.split.targets(histories, split)
            scores = torch.from_numpy(model.decision_function(rows[targets]))
            answers = torch.from_numpy(liked[targets]), torch.from_numpy(histories.users[targets])
            metrics[split] = auroc(scores, answers[0]), grouped_auroc(scores, *answers)
        found.append((metrics["val"][0], strength, metrics["test"]))
    val, strength, test = max(found)
    print(f"logistic regression, C={strength}: val AUC {val:.4f}, test AUC {test[0]:.4f}, test group AUC {test[1]:.4f}")


if __name__ == "__main__":
    main()
