"""A training step of HAN, packed and ragged, against the padded (documents, sentences, words) form of the usual ports.

    python benchmarks/documents_step.py [--lengths Yelp-like IMDB-like] [--rounds 5] [--threads 1] [--quick]

Both have the sizes of Yang et al. 2016: embedding 200, bidirectional GRUs of 50, queries of 100, vocabulary 20,000. The
peer pads every batch to its largest document and sentence (at most 30 sentences of 50 words), runs the GRU over all of
them and masks in the attention, with torch's default Adam; ours is ``model=documents/han`` over batches of like length.
A step is forward, loss, backward and optimiser; its time is the mean of an epoch over the same 12 batches.
Lengths are drawn like Yelp's (8.9 sentences of 15.0 words) and IMDB's (12.6 of 17.8). Targets: 0.13 and 0.25 of it.
"""

import argparse
import resource
from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import torch
import torch.nn.functional as F
from timing import interleaved, show
from torch import Tensor, nn

from suite.config.compose import compose
from suite.training.build import build_module
from tasks.documents.batch import DocumentBatch, DocumentBatches, EncodedDocuments

MOST_SENTENCES, MOST_WORDS, NUM_WORDS, NUM_BATCHES = 30, 50, 20_000, 12
SHAPES = {"Yelp-like": (64, 8.9, 15.0), "IMDB-like": (32, 12.6, 17.8)}  # batch, sentences, words


class PaddedAttention(nn.Module):
    """u = tanh(W h + b); weights = softmax of u . c among what the mask allows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, 100)
        self.query = nn.Linear(100, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        scores = self.query(torch.tanh(self.project(x))).squeeze(-1).masked_fill(~mask, -1e9)
        return (scores.softmax(dim=-1)[..., None] * x).sum(dim=-2)


class PaddedHan(nn.Module):
    """HAN over (documents, sentences, words) with 0 for padding."""

    def __init__(self, num_classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_WORDS, 200, padding_idx=0)
        self.words = nn.GRU(200, 50, bidirectional=True, batch_first=True)
        self.sentences = nn.GRU(100, 50, bidirectional=True, batch_first=True)
        self.word_attention, self.sentence_attention = PaddedAttention(100), PaddedAttention(100)
        self.output = nn.Linear(100, num_classes)

    def forward(self, words: Tensor) -> Tensor:
        mask = words > 0
        x, _ = self.words(F.dropout(self.embedding(words.flatten(0, 1)), 0.3, self.training))
        sentences = self.word_attention(x, mask.flatten(0, 1)).view(*words.shape[:2], -1)
        x, _ = self.sentences(sentences)
        return self.output(F.dropout(self.sentence_attention(x, mask.any(-1)), 0.3, self.training))


def corpus(number: int, sentences: float, words: float) -> EncodedDocuments:
    """Documents whose lengths are drawn from gamma distributions with these means, cut as the peer cuts."""
    random = np.random.default_rng(0)
    per_document = np.clip(random.gamma(1.6, sentences / 1.6, number).astype(int) + 1, 1, MOST_SENTENCES)
    per_sentence = np.clip(random.gamma(2.2, words / 2.2, per_document.sum()).astype(int) + 1, 1, MOST_WORDS)
    ids = np.minimum(random.zipf(1.3, per_sentence.sum()), NUM_WORDS - 1).astype(np.int32)
    offsets = [np.concatenate([[0], lengths.cumsum()]) for lengths in (per_sentence, per_document)]
    none = np.zeros(NUM_WORDS + 1, dtype=int)  # no word has n-grams
    return EncodedDocuments(ids, *offsets, random.integers(2, size=number), ids, none, none[:0])


def padded(batch: DocumentBatch) -> Tensor:
    """The same batch as a rectangle."""
    words = torch.zeros(len(batch), int(batch.documents.lengths.max()), int(batch.sentences.lengths.max()), dtype=int)
    document = batch.documents.ids
    sentence = torch.arange(len(document)) - batch.documents.offsets[document]
    place = torch.arange(len(batch.words)) - batch.sentences.offsets[batch.sentences.ids]
    words[document[batch.sentences.ids], sentence[batch.sentences.ids], place] = batch.words
    return words


def steps(
    net: nn.Module, optimizer: torch.optim.Optimizer, batches: list, logits: Callable[[nn.Module, object], Tensor]
) -> Callable[[], object]:
    """A training step, on the next batch at every call."""
    turn: Iterator = cycle(batches)

    def step() -> None:
        inputs, labels = next(turn)
        optimizer.zero_grad()
        F.cross_entropy(logits(net, inputs), labels).backward()
        optimizer.step()

    return step


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lengths", choices=list(SHAPES), nargs="+", default=list(SHAPES))
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    for name in options.lengths:
        size, sentences, words = SHAPES[name]
        torch.manual_seed(0)
        documents = corpus(size * NUM_BATCHES, sentences, words)
        # The peer's batches are drawn at random, ours hold like lengths; the documents are the same.
        drawn = np.random.default_rng(1).permutation(size * NUM_BATCHES).reshape(-1, size)
        buckets = list(DocumentBatches(documents, np.arange(size * NUM_BATCHES), size, training=True))
        few = 1 if options.quick else 4
        chosen = buckets[:: len(buckets) // few][:few] if options.quick else buckets
        rectangles = [documents.batch(part) for part in (drawn[:few] if options.quick else drawn)]
        facts = {"num_words": NUM_WORDS, "num_classes": 2}
        config = compose(["task=documents", "data=documents/synthetic", "model=documents/han", "optim.lr=1e-3"])
        ours, peer = build_module(config, facts).net, PaddedHan()
        candidates = {
            "padded": steps(
                peer,
                torch.optim.Adam(peer.parameters(), lr=1e-3),
                [(padded(batch), batch.labels) for batch in rectangles],
                lambda net, x: net(x),
            ),
            "ours HAN": steps(
                ours,
                torch.optim.Adam(ours.parameters(), lr=1e-3, fused=True),
                [(batch, batch.labels) for batch in chosen],
                lambda net, x: net(x.words, x.sentences, x.documents).logits,
            ),
        }
        share = len(documents.words) / sum(padded(batch).numel() for batch in map(documents.batch, drawn))
        samples = epochs(candidates, 1 if options.quick else len(buckets), 1 if options.quick else options.rounds)
        show(f"{name}: {size} documents a step, {share:.1%} of the padded cells are words", samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nlargest memory of the whole process: {peak:.2f} GB")


def epochs(candidates: dict[str, Callable[[], object]], number: int, rounds: int) -> dict[str, list[float]]:
    """Mean time of ``number`` steps, which is an epoch of the small corpus, interleaved."""

    def many(step: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            for _ in range(number):
                step()

        return run

    samples = interleaved({name: many(step) for name, step in candidates.items()}, rounds, 0.0)
    return {name: [time / number for time in times] for name, times in samples.items()}


if __name__ == "__main__":
    main()
