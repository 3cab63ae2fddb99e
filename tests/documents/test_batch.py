"""Batches of documents."""

import numpy as np
import torch

from tasks.documents.batch import DocumentBatch, DocumentBatches, Spelling
from tests.documents.conftest import document_data


def test_batches_hold_each_document_once_with_similar_lengths_and_follow_the_seed() -> None:
    data = document_data("synthetic", num_documents=211)
    documents = data.documents
    chosen = data.splits.train
    loader = DocumentBatches(documents, chosen, batch_size=8, training=True, window=4)
    epochs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        epochs.append([batch.words.tolist() for batch in loader])
    assert epochs[0] == epochs[1] != epochs[2]
    torch.manual_seed(1)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert sum(map(len, batches)) == len(chosen)
    assert sum(len(batch.words) for batch in batches) == documents.lengths[chosen].sum()
    spread = [batch.documents.lengths.float().std() for batch in batches if len(batch) > 1]
    everything = torch.from_numpy(documents.documents).diff()[torch.from_numpy(chosen)].float().std()
    assert sum(spread) / len(spread) < everything


def test_a_batch_of_chosen_documents_equals_one_of_nested_lists() -> None:
    documents = document_data("synthetic", max_char_ngram=3).documents
    words = np.split(documents.words, documents.sentences[1:-1])
    spelled = np.split(documents.spelled, documents.sentences[1:-1])
    ngrams = np.split(documents.ngrams, documents.spellings[1:-1])
    chosen = np.array([5, len(documents.labels) - 1, 2])  # the last document is empty
    sentences = [range(*documents.documents[number : number + 2]) for number in chosen]
    found = documents.batch(chosen)
    expected = DocumentBatch.of([[words[s].tolist() for s in one] for one in sentences], documents.labels[chosen])
    assert torch.equal(found.words, expected.words)
    assert torch.equal(found.sentences.offsets, expected.sentences.offsets)
    assert torch.equal(found.documents.offsets, expected.documents.offsets)
    assert torch.equal(found.labels, expected.labels)
    of_words = [ngrams[word] for one in sentences for s in one for word in spelled[s]]
    assert found.spelling.ngrams.tolist() == np.concatenate(of_words).tolist()
    assert found.spelling.words.lengths.tolist() == [len(one) for one in of_words]


def test_spellings_are_empty_without_ngrams() -> None:
    spelling = Spelling.of(["one", "two"], 0)
    assert (len(spelling.ngrams), spelling.words.lengths.tolist()) == (0, [0, 0])
