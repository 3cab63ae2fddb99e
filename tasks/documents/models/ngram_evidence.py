"""What single words and runs of two and three say of the classes, counted once in the training part."""

# M words, N documents, C classes, G features that are known: runs of words ("n-grams") and pieces of words

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from suite.attention.ragged.segments import Segments
from tasks.documents.batch import DocumentBatch, Spelling

ORDERS = (1, 2, 3)
PIECES = 1 << 62  # keys of pieces stand from here on, behind those of all runs
FREE = torch.iinfo(torch.int64).max  # the key of a place that no run has taken; sorts behind all others


class NgramEvidence(nn.Module):
    """The naive Bayes features of runs of one to three words, each with a weight that is learnt.

    ratio[g, c] = log((1 + n[g, c]) / |n[., c]|) - log((1 + n[g, not c]) / |n[., not c]|),
    n[g, c] = training documents of class c that hold g;   evidence[i] = sum over the runs g that end in word i, and
    stand there for the first time in their document, of weight[g] * ratio[g]   (Wang & Manning 2012, section 2.3)

    Where the words' spelling is given, the pieces of a word are runs too.

    Summed over a document it is their NB-SVM with logistic loss. ``observe`` counts; weights start at 0. Runs stay
    within a sentence and are known if at least ``min_count`` training documents hold them and they are among the
    ``max_ngrams`` most frequent. A word that is not in the vocabulary is part of no known run.

    Shape: a batch's words (M,), sentences, documents -> (M, C).
    """

    keys: Tensor
    ratio: Tensor

    def __init__(self, num_words: int, num_classes: int, max_ngrams: int, min_count: int) -> None:
        super().__init__()
        self.num_words = num_words
        self.min_count = min_count
        self.weight = nn.Parameter(torch.zeros(max_ngrams, num_classes))
        self.register_buffer("keys", torch.full((max_ngrams,), FREE))
        self.register_buffer("ratio", torch.zeros(max_ngrams, num_classes))

    def forward(
        self, words: Tensor, sentences: Segments, documents: Segments, spelling: Spelling | None = None
    ) -> Tensor:
        """Evidence of every word for every class."""
        document = documents.ids[sentences.ids]
        evidence = self.ratio.new_zeros(len(words), self.ratio.shape[1])
        for keys, ends in self._features(words, sentences, spelling):
            place = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
            known = (self.keys[place] == keys).nonzero().squeeze(1)
            place, ends = place[known], ends[known]
            first = _first(document[ends] * len(self.keys) + place)
            place, ends = place[first], ends[first]
            evidence = evidence.index_add(0, ends, self.weight[place] * self.ratio[place])
        return evidence

    @torch.no_grad()
    def observe(self, batches: Iterable[DocumentBatch]) -> None:
        """Count the training part and choose the runs that are known from now on."""
        found, classes = [], []
        for batch in batches:
            document = batch.documents.ids[batch.sentences.ids]
            for keys, ends in self._features(batch.words, batch.sentences, batch.spelling):
                pairs = torch.stack([document[ends], keys]).unique(dim=1)
                found.append(pairs[1])
                classes.append(batch.labels[pairs[0]])
        keys, number = torch.cat(found).unique(return_inverse=True)
        num_classes = self.ratio.shape[1]
        counts = torch.bincount(number * num_classes + torch.cat(classes), minlength=len(keys) * num_classes)
        counts = counts.view(-1, num_classes).double()
        total = counts.sum(dim=1)
        frequent = (total >= self.min_count).nonzero().squeeze(1)
        most = torch.argsort(total[frequent], descending=True, stable=True)[: len(self.keys)]
        kept = frequent[most].sort().values  # keys must be sorted
        own, rest = counts[kept] + 1.0, (total[:, None] - counts)[kept] + 1.0
        self.keys.fill_(FREE)
        self.ratio.zero_()
        self.keys[: len(kept)] = keys[kept]
        self.ratio[: len(kept)] = ((own / own.sum(0)).log() - (rest / rest.sum(0)).log()).to(self.ratio.dtype)

    def _features(
        self, words: Tensor, sentences: Segments, spelling: Spelling | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Keys, and the places of the words they belong to: of runs, order by order, and of pieces."""
        for order in ORDERS:
            yield self._runs(words, sentences, order)
        if spelling is not None and len(spelling.pieces):
            yield spelling.pieces + PIECES, spelling.words.ids

    def _runs(self, words: Tensor, sentences: Segments, order: int) -> tuple[Tensor, Tensor]:
        """Keys of all runs of ``order`` known words, and the places of their last words."""
        key, whole = words, words > 0
        for back in range(1, order):
            before = words[: len(words) - back]
            key = torch.cat([key[:back], key[back:] + before * self.num_words**back])
            same = sentences.ids[back:] == sentences.ids[: len(words) - back]
            whole = torch.cat([torch.zeros_like(whole[:back]), whole[back:] & same & (before > 0)])
        ends = whole.nonzero().squeeze(1)
        return key[ends], ends


def _first(values: Tensor) -> Tensor:
    """Places at which a value stands for the first time, in order."""
    ordered, order = values.sort(stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return order[new].sort().values
