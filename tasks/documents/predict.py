"""Predictions for texts: label, probabilities, and the attention to sentences and words."""

# M words, T sentences of a text, H heads

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from suite.attention_weights import AttentionWeights, Axis
from suite.data.tables import ENDINGS, read_rows
from suite.data.text_files import decode
from suite.draw.picture import Picture
from suite.draw.text import shade_text
from suite.errors import UserError
from suite.predictor import Predictor, check_counts
from suite.training.base_task_module import BaseTaskModule
from tasks.documents import text
from tasks.documents.batch import DocumentBatch, Spelling
from tasks.documents.models.output import DocumentOutput
from tasks.documents.vocabulary import Vocabulary

MAX_TITLE = 40  # characters of a text in the name of its picture


class ClassifiedText(NamedTuple):
    """A text and what the network computed for it.

    Args:
        text: as given.
        probabilities: by class name.
        sentences: words of each sentence that the network read.
        truncated: whether the text has more words than the network reads.
        word_weights: attention to the words (M, H).
        sentence_weights: attention to the sentences (T, H); None if the network has no level of sentences.
    """

    text: str
    probabilities: dict[str, float]
    sentences: list[list[str]]
    truncated: bool
    word_weights: Tensor
    sentence_weights: Tensor | None

    @property
    def label(self) -> str:
        """The most probable class."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def sentence_means(self) -> list[float]:
        """Weight of each sentence, the mean over the heads; 1 if the network has no level of sentences."""
        if self.sentence_weights is None:
            return [1.0] * len(self.sentences)
        means: list[float] = self.sentence_weights.mean(dim=1).tolist()
        return means

    @property
    def word_means(self) -> list[list[float]]:
        """Weight of each word in each sentence, the mean over the heads."""
        means = self.word_weights.mean(dim=1).split([len(words) for words in self.sentences])
        return [one.tolist() for one in means]


class DocumentPredictor(Predictor[str, ClassifiedText]):
    """Classifies texts. A record is a string, or a dict with the columns of a table.

    Args:
        module, facts, data: as in ``Predictor``.
        text_column: of the texts in a table or a dict.
        label_column: of the labels in a table, for evaluation.
        top_words: number of words in the answer, for each sentence.
        top_sentences: number of sentences in the answer.
        batch_size: number of texts in a forward pass.
    """

    def __init__(
        self,
        module: BaseTaskModule,
        facts: Mapping[str, Any],
        *,
        text_column: str,
        label_column: str,
        top_words: int,
        top_sentences: int,
        batch_size: int,
        data: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(module, facts, batch_size=batch_size, data=data)
        check_counts(top_words=top_words, top_sentences=top_sentences)
        self.vocabulary = Vocabulary(facts["vocabulary"])
        self.text_column = text_column
        self.label_column = label_column
        self.top_words = top_words
        self.top_sentences = top_sentences

    def read(self, path: str) -> Iterator[str]:
        """Yield the texts of a file: the rows of a table, else one text on each line, as from standard input.

        Raises UserError, naming file and row, for a missing column and for text that is not UTF-8.
        """
        if path == "-":
            yield from _lines(sys.stdin.buffer, "standard input")
        elif path.lower().endswith(ENDINGS):
            for row in read_rows(Path(path)):
                yield row.text(self.text_column, "predict.text_column")
        else:
            try:
                with Path(path).open("rb") as stream:
                    yield from _lines(stream, path)
            except OSError as error:
                raise UserError(f"input={path} cannot be read: {error.strerror}") from error

    def as_record(self, given: Any) -> str:
        """Return a text: ``given`` itself, or its column ``text_column``."""
        if isinstance(given, Mapping):
            if self.text_column not in given:
                raise UserError(
                    f"the record has no column {self.text_column!r}, only {', '.join(map(str, given))}. "
                    "Set predict.text_column=COLUMN"
                )
            given = given[self.text_column]
        if not isinstance(given, str):
            raise UserError(f"a record must be a text or a dict with a text, got {type(given).__name__}")
        return given

    def run(self, records: list[str], attention: bool) -> Iterator[ClassifiedText]:
        """Classify one batch of texts."""
        found = [text.document(record, self.facts["max_words"], self.facts["max_sentence"]) for record in records]
        batch = self._batch([sentences for sentences, _ in found]).to(self.device)
        output: DocumentOutput = self.module(batch)
        probabilities = output.logits.softmax(dim=-1).tolist()
        names = self.facts["class_names"]
        words = output.word_weights.cpu().split([sum(map(len, sentences)) for sentences, _ in found])
        lengths = [len(sentences) for sentences, _ in found]
        weights: Iterable[Tensor | None] = [None] * len(records)
        if output.sentence_weights is not None:
            weights = output.sentence_weights.cpu().split(lengths)
        for record, shares, (sentences, truncated), of_words, of_sentences in zip(
            records, probabilities, found, words, weights, strict=True
        ):
            by_class = dict(zip(names, shares, strict=True))
            yield ClassifiedText(record, by_class, sentences, truncated, of_words, of_sentences)

    def answer(self, result: ClassifiedText) -> dict[str, Any]:
        """Return label, probabilities, and the sentences and words with the largest weights.

        ``read_words`` is the number of words that were read of a text that has more.
        """
        answer = {
            "text": result.text,
            "label": result.label,
            "probabilities": {name: round(share, 6) for name, share in result.probabilities.items()},
            "attended": self._attended(result.sentences, result.sentence_means, result.word_means),
        }
        return {**answer, "read_words": self.facts["max_words"]} if result.truncated else answer

    def weights(self, result: ClassifiedText) -> dict[str, AttentionWeights]:
        """Return ``words`` (heads, words), and ``sentences`` (heads, sentences) if the network has that level."""
        heads = Axis("heads")
        lengths = tuple(len(words) for words in result.sentences)
        tokens = tuple(word for words in result.sentences for word in words)
        words = Axis("tokens", labels=tokens, segments=() if result.sentence_weights is None else lengths)
        found = {"words": AttentionWeights("words", result.word_weights.t().numpy(), (heads, words))}
        if result.sentence_weights is not None:
            sentences = Axis("sentences", labels=tuple(" ".join(words) for words in result.sentences))
            weights = result.sentence_weights.t().numpy()
            found["sentences"] = AttentionWeights("sentences", weights, (heads, sentences))
        return found

    def picture(self, result: ClassifiedText) -> Picture:
        """Return the text as HTML, its words and sentences shaded by their weights."""
        title = f"{result.label} ({result.probabilities[result.label]:.0%})"
        page = shade_text(result.sentences, result.word_means, result.sentence_means, title)
        return Picture(result.text[:MAX_TITLE].strip() or "empty text", page)

    def labelled_batches(self, path: str) -> Iterator[DocumentBatch]:
        """Yield the batches of a table with texts and labels. Raises UserError for a label that training lacks."""
        if not path.lower().endswith(ENDINGS):
            raise UserError(f"{path} must be a table with labels: {', '.join(ENDINGS)}")
        names = self.facts["class_names"]
        rows = list(read_rows(Path(path)))
        if not rows:
            raise UserError(f"{path} contains no rows; add labelled texts")
        for start in range(0, len(rows), self.batch_size or len(rows)):
            texts, labels = [], []
            for row in rows[start : start + (self.batch_size or len(rows))]:
                label = row.text(self.label_column, "predict.label_column")
                if label not in names:
                    raise UserError(f"{row.place}: the label {label!r} is not a class of the model: {', '.join(names)}")
                record = row.text(self.text_column, "predict.text_column")
                texts.append(text.document(record, self.facts["max_words"], self.facts["max_sentence"])[0])
                labels.append(names.index(label))
            yield self._batch(texts, labels)

    def _batch(self, texts: list[list[list[str]]], labels: list[int] | None = None) -> DocumentBatch:
        words = [word for sentences in texts for sentence in sentences for word in sentence]
        numbers = [[self.vocabulary.encode(sentence) for sentence in sentences] for sentences in texts]
        return DocumentBatch.of(numbers, labels, Spelling.of(words, self.facts["max_char_ngram"]))

    def _attended(
        self, sentences: list[list[str]], weights: list[float], word_weights: list[list[float]]
    ) -> list[dict[str, Any]]:
        """The sentences with the largest weights, each with its words of the largest weights, largest first."""
        return [
            {
                "sentence": " ".join(sentences[place]),
                "weight": round(weights[place], 6),
                "words": [
                    [sentences[place][word], round(word_weights[place][word], 6)]
                    for word in _largest(word_weights[place], self.top_words)
                ],
            }
            for place in _largest(weights, self.top_sentences)
        ]


def _largest(values: list[float], number: int) -> list[int]:
    return sorted(range(len(values)), key=lambda place: -values[place])[:number]


def _lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    r"""Yield one text for each line; lines end at ``\n`` only, and an empty line is an empty text."""
    for number, line in enumerate(stream, start=1):
        yield decode(line, f"{name}, line {number}").rstrip("\r\n")
