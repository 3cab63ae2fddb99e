"""Naive Bayes features of n-grams, counted once in the training split."""

# M words, N documents, C classes, G n-grams of words and of characters

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from suite.attention.ragged.segments import Segments
from tasks.documents.batch import DocumentBatch, Spelling

ORDERS = (1, 2, 3)
CHAR_NGRAMS = 1 << 62  # smallest key of a character n-gram; keys of n-grams of words are smaller
FREE = torch.iinfo(torch.int64).max  # key of an entry without an n-gram; the largest key


class NgramEvidence(nn.Module):
    """Naive Bayes ratios of n-grams of one to three words, each with a learnt weight.

    ratio[g, c] = log((1 + n[g, c]) / |n[., c]|) - log((1 + n[g, not c]) / |n[., not c]|),
    n[g, c] = training documents of class c that contain g;   evidence[i] = sum over the n-grams g that end at word i,
    for the first time in their document, of weight[g] * ratio[g]   (Wang & Manning 2012, section 2.3)

    If the spelling of the words is given, their character n-grams are features too. Summed over a document this is
    NB-SVM with logistic loss. ``observe`` counts; weights are 0 at first. N-grams do not cross sentences. No n-gram
    contains a word that is not in the vocabulary.

    Args:
        num_words, num_classes: from the data.
        max_ngrams: number of n-grams, the most frequent ones.
        min_count: number of training documents that must contain an n-gram.

    Shape: words (M,), sentences, documents of a batch -> (M, C).
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
        """Return the evidence of each word for each class."""
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
        """Count the n-grams of the training split, and choose those that are features."""
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
        chosen = frequent[most].sort().values  # searchsorted needs sorted keys
        own, rest = counts[chosen] + 1.0, (total[:, None] - counts)[chosen] + 1.0
        self.keys.fill_(FREE)
        self.ratio.zero_()
        self.keys[: len(chosen)] = keys[chosen]
        self.ratio[: len(chosen)] = ((own / own.sum(0)).log() - (rest / rest.sum(0)).log()).to(self.ratio.dtype)

    def _features(
        self, words: Tensor, sentences: Segments, spelling: Spelling | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield keys and the indices of their words: of n-grams of words, order by order, then of character n-grams."""
        for order in ORDERS:
            yield self._ngrams(words, sentences, order)
        if spelling is not None and len(spelling.ngrams):
            yield spelling.ngrams + CHAR_NGRAMS, spelling.words.ids

    def _ngrams(self, words: Tensor, sentences: Segments, order: int) -> tuple[Tensor, Tensor]:
        """Return the keys of all n-grams of ``order`` known words, and the indices of their last words."""
        key, whole = words, words > 0
        for back in range(1, order):
            before = words[: len(words) - back]
            key = torch.cat([key[:back], key[back:] + before * self.num_words**back])
            same = sentences.ids[back:] == sentences.ids[: len(words) - back]
            whole = torch.cat([torch.zeros_like(whole[:back]), whole[back:] & same & (before > 0)])
        ends = whole.nonzero().squeeze(1)
        return key[ends], ends


def _first(values: Tensor) -> Tensor:
    """Return the indices of the first occurrence of each value, in order."""
    ordered, order = values.sort(stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return order[new].sort().values
