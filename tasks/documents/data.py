"""The data module of the documents task: read and tokenised once, kept, split, numbered, dealt in batches."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from suite.data.cache import cached
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved, Source
from suite.data.splits import Split
from suite.errors import UserError
from tasks.documents import corpus as corpora
from tasks.documents import text
from tasks.documents.batch import Batches, Documents
from tasks.documents.corpus import Corpus
from tasks.documents.readers.imdb import Imdb
from tasks.documents.readers.text_table import DrugReviews, Multidomain, OwnFile, UciSentences
from tasks.documents.record import Record
from tasks.documents.split import DocumentSplit
from tasks.documents.synthetic import SyntheticReviews
from tasks.documents.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


class DocumentReader(Reader, Protocol):
    """What reads one kind of file: ``reader.read(reader.resolve(data_dir))``."""

    name: str

    def read(self, files: Resolved) -> Iterator[Record]:
        """The labelled texts; raises UserError naming file and row."""
        ...


class DocumentsData(TaskData):
    """Any set of labelled documents, by its reader.

    ``max_words`` bounds a document, ``max_sentence`` a sentence (what is longer is continued as another);
    ``vocabulary_size`` and ``min_count`` choose the words that the model knows, counted in the training part alone.
    ``longest_piece`` is that of ``text.pieces``, of which words are made for models that read spellings.
    """

    def __init__(
        self,
        reader: DocumentReader,
        dir: str = "data",
        batch_size: int = 64,
        vocabulary_size: int = 30_000,
        min_count: int = 2,
        max_words: int = 10_000,
        max_sentence: int = 100,
        longest_piece: int = 0,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        folds: int | None = None,
        fold: int = 0,
        split_seed: int = 0,
    ) -> None:
        super().__init__(reader, dir)
        self.batch_size = _positive("batch_size", batch_size)
        self.vocabulary_size = _positive("vocabulary_size", vocabulary_size)
        self.min_count = min_count
        self.max_words = _positive("max_words", max_words)
        self.max_sentence = _positive("max_sentence", max_sentence)
        self.longest_piece = longest_piece
        self.split = DocumentSplit(val_fraction, test_fraction, folds, fold, split_seed)
        self._documents: Documents | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read, split and number the documents."""
        self.corpus = corpus = Corpus.of(self._tokenised(files))
        self.parts = self.split(corpus.labels, corpus.parts, corpus.groups)
        self.class_names = _class_names(corpus, self.parts)
        words = corpus.words[_mask_of_words(corpus, self.parts.train)]
        self.vocabulary = Vocabulary.count(words, corpus.lexicon, self.vocabulary_size, self.min_count)
        numbers = np.array(self.vocabulary.encode(corpus.lexicon), dtype=np.int32)
        order = {name: number for number, name in enumerate(self.class_names)}
        labels = np.array([order[name] for name in corpus.labels.tolist()], dtype=np.int64)
        pieces = [text.pieces(word, self.longest_piece) for word in corpus.lexicon]
        spellings = np.cumsum([0, *map(len, pieces)])
        numbered = np.array([piece for word in pieces for piece in word], dtype=np.uint32)
        offsets = (corpus.sentences, corpus.documents)
        self._documents = Documents(numbers[corpus.words], *offsets, labels, corpus.words, spellings, numbered)
        return self._told()

    @property
    def documents(self) -> Documents:
        """All documents in the numbers of the vocabulary; finds and reads them where that has not been done."""
        self.setup()
        assert self._documents is not None
        return self._documents

    def facts(self) -> dict[str, Any]:
        """What the model and its predictions have to know: plain values, kept in every checkpoint."""
        self.setup()
        limits = {
            "max_words": self.max_words,
            "max_sentence": self.max_sentence,
            "longest_piece": self.longest_piece,
        }
        return {
            "num_words": len(self.vocabulary),
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
            "vocabulary": self.vocabulary.words,
            **limits,
        }

    def training_batches(self) -> Batches:
        """The training part, in a new order every epoch."""
        return Batches(self.documents, self.parts.train, self.batch_size, training=True)

    def split_dataloader(self, split: str) -> Batches:
        """One part, in the order of length."""
        documents = self.documents
        return Batches(documents, getattr(self.parts, split), self.batch_size)

    def _tokenised(self, files: Resolved) -> Any:
        key = {
            **dict(files.sha256),
            **{name: str(value) for name, value in self.reader.options().items()},
            "limits": f"{self.max_words} {self.max_sentence}",
            "versions": f"corpus {corpora.VERSION} text {text.VERSION}",
        }

        def build() -> Any:
            return corpora.tokenise(self.reader.read(files), self.max_words, self.max_sentence)

        return cached(self.dir, f"documents-{self.reader.name}", key, build) if files.sha256 else build()

    def _told(self) -> dict[str, Any]:
        """Facts of the content, some of which a user should hear about."""
        corpus, parts = self.corpus, self.parts
        repeated = _repeated(corpus, parts)
        if len(corpus.cut):
            logger.warning(
                "%d documents have more than data.max_words=%d words, and only so many are read; the first is %s",
                len(corpus.cut), self.max_words, corpus.places[corpus.cut[0]],
            )  # fmt: skip
        if repeated:
            logger.warning("%d texts of the test part stand in the training or validation part too", repeated)
        return {
            "split": str(self.split),
            "content_hash": corpus.content_hash(),
            "split_hash": parts.hash(),
            "num_documents": len(corpus),
            "num_words_read": len(corpus.words),
            "vocabulary_size": len(self.vocabulary),
            "documents_cut": len(corpus.cut),
            "test_texts_seen_in_training": repeated,
            **{f"num_{name}": len(part) for name, part in zip(Split._fields, parts, strict=True)},
        }


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise UserError(f"data.{name} must be at least 1, got {value}")
    return value


def _mask_of_words(corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
    """True for every word of the chosen documents."""
    inside = np.zeros(len(corpus), dtype=bool)
    inside[chosen] = True
    return np.repeat(inside, np.diff(corpus.word_offsets))


def _class_names(corpus: Corpus, parts: Split) -> list[str]:
    """The labels of the training part in order; raises UserError for one that only other parts have."""
    names = set(corpus.labels[parts.train].tolist())
    for name, part in (("val", parts.val), ("test", parts.test)):
        for document in part:
            if (label := corpus.labels[document]) not in names:
                raise UserError(
                    f"{corpus.places[document]}: the label {str(label)!r} is in the {name} part and not in training, "
                    f"whose labels are {', '.join(sorted(names))}. Correct it, or move documents with it into training"
                )
    if len(names) < 2:
        raise UserError(f"The training part has one label only, {', '.join(names)}; there is nothing to tell apart.")
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _repeated(corpus: Corpus, parts: Split) -> int:
    """Distinct texts of the test part that stand in another part too."""
    seen = np.concatenate([corpus.digests[parts.train], corpus.digests[parts.val]])
    return len(np.intersect1d(corpus.digests[parts.test], seen))


# One class for each kind of set lets its options stand beside the common ones: data.target=rating, data.path=FILE.
# ``common`` are the arguments of DocumentsData after the first.


class ImdbData(DocumentsData):
    """Reviews of films."""

    def __init__(self, source: Source, target: str = "sentiment", **common: Any) -> None:
        super().__init__(Imdb(source, target), **common)


class UciData(DocumentsData):
    """Single sentences from reviews."""

    def __init__(self, source: Source, sites: Sequence[str] = ("amazon", "imdb", "yelp"), **common: Any) -> None:
        super().__init__(UciSentences(source, sites), **common)


class MultidomainData(DocumentsData):
    """Reviews of goods."""

    def __init__(self, source: Source, domains: Sequence[str] | None = None, **common: Any) -> None:
        super().__init__(Multidomain(source, domains), **common)


class DrugReviewsData(DocumentsData):
    """Reviews of drugs."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(DrugReviews(source), **common)


class OwnData(DocumentsData):
    """A user's own texts."""

    def __init__(
        self,
        path: str,
        text_column: str = "text",
        label_column: str = "label",
        split_column: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(OwnFile(path, text_column, label_column, split_column), **common)


class SyntheticData(DocumentsData):
    """Made-up reviews."""

    def __init__(self, num_documents: int = 83, num_classes: int = 3, seed: int = 0, **common: Any) -> None:
        super().__init__(SyntheticReviews(num_documents, num_classes, seed), **common)
