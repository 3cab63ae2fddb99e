"""``attn predict`` for documents: raw text in; label, probabilities, and the sentences and words attended out."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from suite.draw.picture import Picture
from suite.draw.text import shade_text
from suite.errors import UserError
from tasks.documents import text
from tasks.documents.batch import DocumentBatch, Spelling
from tasks.documents.models.hierarchical import DocumentOutput
from tasks.documents.record import decode, field, rows
from tasks.documents.vocabulary import Vocabulary

TABLES = (".csv", ".tsv", ".jsonl", ".jsonl.gz", ".parquet")


class Seen(NamedTuple):
    """A text as the network read it: ``words`` has a list of weights for each sentence of ``document``."""

    text: str
    label: str
    probabilities: dict[str, float]
    document: list[list[str]]
    sentences: list[float]
    words: list[list[float]]
    cut: bool


class DocumentPredictor:
    """Reads texts and classifies them.

    Args:
        net: a trained network of this task.
        facts: what its checkpoint knows of the data: vocabulary, class names, limits.
        text_column: of a table or of JSON Lines.
        top_words: attended words told for each told sentence; ``top_sentences`` attended sentences told.
        batch_size: texts read at once.
    """

    def __init__(
        self,
        net: nn.Module,
        facts: Mapping[str, Any],
        text_column: str = "text",
        top_words: int = 5,
        top_sentences: int = 3,
        batch_size: int = 32,
    ) -> None:
        for name, number in (("top_words", top_words), ("top_sentences", top_sentences), ("batch_size", batch_size)):
            if number < 1:
                raise UserError(f"predict.{name} must be at least 1, got {number}")
        self.net = net.eval()
        self.facts = facts
        self.vocabulary = Vocabulary(facts["vocabulary"])
        self.text_column = text_column
        self.top_words = top_words
        self.top_sentences = top_sentences
        self.batch_size = batch_size

    def read(self, path: str) -> Iterator[str]:
        """The texts of a file: rows of a table, else one text a line; ``-`` is standard input, one text a line.

        Raises UserError, naming file and row, for a missing column and for what is not UTF-8.
        """
        if path == "-":
            yield from _texts(sys.stdin.buffer, "standard input")
        elif path.endswith(TABLES):
            for place, row in rows(Path(path)):
                yield field(row, self.text_column, place, "predict.text_column")
        else:
            try:
                with Path(path).open("rb") as stream:
                    yield from _texts(stream, path)
            except OSError as error:
                raise UserError(f"input={path} cannot be read: {error.strerror}") from error

    def predict(self, records: Iterable[str]) -> Iterator[dict[str, Any]]:
        """For every text: label, probability of each class, the attended sentences with their attended words."""
        for seen in self._seen(records):
            told = {
                "text": seen.text,
                "label": seen.label,
                "probabilities": {name: round(share, 6) for name, share in seen.probabilities.items()},
                "attended": self._attended(seen.document, seen.sentences, seen.words),
            }
            if seen.cut:
                told["read_words"] = self.facts["max_words"]
            yield told

    def draw(self, records: Iterable[str]) -> Iterator[Picture]:
        """A page of every text: its label, and words and sentences shaded by their weights."""
        for number, seen in enumerate(self._seen(records), start=1):
            title = f"{seen.label} ({seen.probabilities[seen.label]:.0%})"
            yield Picture(f"text {number}", shade_text(seen.document, seen.words, seen.sentences, title))

    def _seen(self, records: Iterable[str]) -> Iterator["Seen"]:
        texts = iter(records)
        while batch := list(islice(texts, self.batch_size)):
            yield from self._read(batch)

    @torch.no_grad()
    def _read(self, texts: list[str]) -> Iterator["Seen"]:
        read = [text.document(one, self.facts["max_words"], self.facts["max_sentence"]) for one in texts]
        flat = [word for document, _ in read for sentence in document for word in sentence]
        spelling = Spelling.of(flat, self.facts["longest_piece"])
        numbers = [[self.vocabulary.encode(sentence) for sentence in document] for document, _ in read]
        batch = DocumentBatch.of(numbers, spelling=spelling)
        output: DocumentOutput = self.net(batch.words, batch.sentences, batch.documents, batch.spelling)
        probabilities = output.logits.softmax(dim=-1).tolist()
        words = _mean_of_heads(output.word_weights)
        sentences = _mean_of_heads(output.sentence_weights)
        first_word, first_sentence = 0, 0
        for number, ((document, cut), shares) in enumerate(zip(read, probabilities, strict=True)):
            of_words = [words[(first_word := first_word + len(s)) - len(s) : first_word] for s in document]
            of_sentences = sentences[first_sentence : first_sentence + len(document)]
            first_sentence += len(document)
            names = self.facts["class_names"]
            best = max(range(len(names)), key=shares.__getitem__)
            of_classes = dict(zip(names, shares, strict=True))
            yield Seen(texts[number], names[best], of_classes, document, of_sentences, of_words, bool(cut))

    def _attended(
        self, document: list[list[str]], sentences: list[float], words: list[list[float]]
    ) -> list[dict[str, Any]]:
        """The most attended sentences, each with its most attended words, largest weights first."""
        return [
            {
                "sentence": " ".join(document[place]),
                "weight": round(sentences[place], 6),
                "words": [
                    [document[place][word], round(words[place][word], 6)]
                    for word in _largest(words[place], self.top_words)
                ],
            }
            for place in _largest(sentences, self.top_sentences)
        ]


def _mean_of_heads(weights: Tensor | None) -> list[float]:
    assert weights is not None
    values: list[float] = weights.mean(dim=1).tolist()
    return values


def _largest(values: list[float], number: int) -> list[int]:
    return sorted(range(len(values)), key=lambda place: -values[place])[:number]


def _texts(stream: Iterable[bytes], name: str) -> Iterator[str]:
    r"""One text a line, lines ending at ``\n`` alone; an empty line is an empty text."""
    for number, line in enumerate(stream, start=1):
        yield decode(line, f"{name}, line {number}").rstrip("\r\n")
