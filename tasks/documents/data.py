"""The data modules of the documents task."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from suite.data.cache import Arrays, cached
from suite.data.class_names import sort_names
from suite.data.identity import SampleRecord
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved
from suite.data.splits import SPLITS, Split
from suite.errors import UserError, check_at_least
from tasks.documents import corpus as corpora
from tasks.documents import text
from tasks.documents.batch import DocumentBatches, EncodedDocuments
from tasks.documents.corpus import Corpus
from tasks.documents.labelled_text import LabelledText
from tasks.documents.readers.drug_reviews import DrugReviews
from tasks.documents.readers.imdb import Imdb
from tasks.documents.readers.multidomain import Multidomain
from tasks.documents.readers.text_table import TextTable
from tasks.documents.readers.uci_sentences import UciSentences
from tasks.documents.split import DocumentSplit
from tasks.documents.synthetic import SyntheticReviews
from tasks.documents.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


class DocumentReader(Reader, Protocol):
    """A reader of labelled texts. ``name`` is the first part of the names of its cached files."""

    name: ClassVar[str]

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the labelled texts. Raises UserError with file and row for what cannot be read."""
        ...


class DocumentsData(TaskData):
    """Base of the data modules of labelled documents; ``conf/data/documents/_base.yaml`` holds the defaults.

    Args:
        reader: of the files.
        dir: directory in which files are looked for and cached.
        batch_size: number of documents in a step.
        vocabulary_size: number of words that the model knows: the most frequent ones of the training split.
        min_count: how often a word must occur in the training split to be one of them.
        max_words: number of words of a document that are read.
        max_sentence: number of words of a sentence; the words after them form another sentence.
        max_char_ngram: length of the longest character n-grams of words, for models that use them; 0 for none.
        val_fraction, test_fraction, folds, fold: as in ``FractionSplit``.
        split_seed: of the split.

    Raises UserError for a value out of range.
    """

    def __init__(
        self,
        reader: DocumentReader,
        *,
        dir: str,
        batch_size: int,
        vocabulary_size: int,
        min_count: int,
        max_words: int,
        max_sentence: int,
        max_char_ngram: int,
        val_fraction: float,
        test_fraction: float,
        folds: int | None,
        fold: int,
        split_seed: int,
    ) -> None:
        super().__init__(reader, dir)
        sizes = {"batch_size": batch_size, "vocabulary_size": vocabulary_size}
        for name, size in {**sizes, "max_words": max_words, "max_sentence": max_sentence}.items():
            check_at_least(1, f"data.{name}", size)
        self.batch_size = batch_size
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.max_words = max_words
        self.max_sentence = max_sentence
        self.max_char_ngram = max_char_ngram
        self.split = DocumentSplit(val_fraction, test_fraction, folds, fold, split_seed)
        self._documents: EncodedDocuments | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read, split and encode the documents."""
        self.corpus = corpus = Corpus.of(self._tokenised(files))
        self.splits = self.split(corpus.labels, corpus.stated, corpus.groups)
        class_names = _class_names(corpus, self.splits.train)
        words = corpus.words[_words_of(corpus, self.splits.train)]
        vocabulary = Vocabulary.count(words, corpus.lexicon, self.vocabulary_size, self.min_count)
        self._encode(class_names, vocabulary)
        return self._summary()

    def sample_record(self) -> SampleRecord:
        """Return the documents with their splits. A document is recognized by its text."""
        self.setup()
        names, contents = self.corpus.identities()
        return SampleRecord(names, contents, self.splits, self.corpus.content_hash(), self.splits.hash())

    def restore_split(self, split: Split, facts: Mapping[str, Any]) -> None:
        """Use the split, the class names and the vocabulary of a checkpoint."""
        self.setup()
        self.splits = split
        self._encode(list(facts["class_names"]), Vocabulary(facts["vocabulary"]))

    @property
    def documents(self) -> EncodedDocuments:
        """All documents, encoded with the vocabulary."""
        self.setup()
        assert self._documents is not None
        return self._documents

    def facts(self) -> dict[str, Any]:
        """Return sizes, class names, vocabulary and limits of the texts."""
        self.setup()
        return {
            "num_words": len(self.vocabulary),
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
            "vocabulary": self.vocabulary.words,
            "max_words": self.max_words,
            "max_sentence": self.max_sentence,
            "max_char_ngram": self.max_char_ngram,
        }

    def training_batches(self) -> DocumentBatches:
        return DocumentBatches(self.documents, self.splits.train, self.batch_size, training=True)

    def split_dataloader(self, split: str) -> DocumentBatches:
        """Return the batches of a split, shortest documents first."""
        documents = self.documents
        return DocumentBatches(documents, getattr(self.splits, split), self.batch_size)

    def _encode(self, class_names: list[str], vocabulary: Vocabulary) -> None:
        """Encode all documents. A label that is not a class is -1. Raises UserError for one in a split."""
        self.class_names, self.vocabulary, corpus = class_names, vocabulary, self.corpus
        _check_labels(corpus, self.splits, class_names)
        numbers = np.array(vocabulary.encode(corpus.lexicon), dtype=np.int32)
        classes = {name: number for number, name in enumerate(class_names)}
        ngrams = [text.char_ngrams(word, self.max_char_ngram) for word in corpus.lexicon]
        self._documents = EncodedDocuments(
            words=numbers[corpus.words],
            sentences=corpus.sentences,
            documents=corpus.documents,
            labels=np.array([classes.get(name, -1) for name in corpus.labels.tolist()], dtype=np.int64),
            spelled=corpus.words,
            spellings=np.cumsum([0, *map(len, ngrams)]),
            ngrams=np.array([ngram for word in ngrams for ngram in word], dtype=np.uint32),
        )

    def _tokenised(self, files: Resolved) -> Arrays:
        key = {
            **dict(files.sha256),
            **{name: str(value) for name, value in self.reader.options().items()},
            "limits": f"{self.max_words} {self.max_sentence}",
            "versions": f"corpus {corpora.VERSION} text {text.VERSION}",
        }

        def build() -> Arrays:
            return corpora.tokenise(self.reader.read(files), self.max_words, self.max_sentence)

        return cached(self.dir, f"documents-{self.reader.name}", key, build) if files.sha256 else build()

    def _summary(self) -> dict[str, Any]:
        """Hashes and counts for the provenance; logs a warning for truncated and for repeated documents."""
        corpus, splits = self.corpus, self.splits
        repeated = _repeated(corpus, splits)
        if len(corpus.truncated):
            logger.warning(
                "%d documents have more than data.max_words=%d words; the words after them are ignored. The first is "
                "%s", len(corpus.truncated), self.max_words, corpus.places[corpus.truncated[0]],
            )  # fmt: skip
        if repeated:
            logger.warning("%d texts of the test split are in the training or validation split too", repeated)
        return {
            "split": str(self.split),
            "content_hash": corpus.content_hash(),
            "split_hash": splits.hash(),
            "num_documents": len(corpus),
            "num_words_read": len(corpus.words),
            "vocabulary_size": len(self.vocabulary),
            "documents_truncated": len(corpus.truncated),
            "test_texts_seen_in_training": repeated,
            **splits.counts(),
        }


class ImdbData(DocumentsData, reader=Imdb):
    """IMDB film reviews."""


class UciSentencesData(DocumentsData, reader=UciSentences):
    """UCI sentiment sentences."""


class MultidomainData(DocumentsData, reader=Multidomain):
    """Product reviews of four domains."""


class DrugReviewsData(DocumentsData, reader=DrugReviews):
    """Reviews of drugs."""


class TextTableData(DocumentsData, reader=TextTable):
    """A user's own table of texts."""


class SyntheticReviewsData(DocumentsData, reader=SyntheticReviews):
    """Generated reviews."""


def _words_of(corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
    """True for each word of the chosen documents, (W,)."""
    inside = np.zeros(len(corpus), dtype=bool)
    inside[chosen] = True
    return np.repeat(inside, np.diff(corpus.word_offsets))


def _class_names(corpus: Corpus, train: np.ndarray) -> list[str]:
    """Return the sorted labels of the training split. Raises UserError if there is only one."""
    names = set(corpus.labels[train].tolist())
    if len(names) < 2:
        raise UserError(f"All training documents have the label {', '.join(names)}; at least two labels are needed")
    return sort_names(names)


def _check_labels(corpus: Corpus, splits: Split, class_names: list[str]) -> None:
    """Raise UserError for a label of a split that is not a class."""
    names = set(class_names)
    for name, chosen in zip(SPLITS, splits, strict=True):
        for document in chosen:
            if (label := corpus.labels[document]) not in names:
                raise UserError(
                    f"{corpus.places[document]}: the label {str(label)!r} is in the {name} split but not in the "
                    f"training split, whose labels are {', '.join(class_names)}. Correct it, or move documents "
                    "with it into training"
                )


def _repeated(corpus: Corpus, splits: Split) -> int:
    """Number of distinct texts of the test split that are in another split too."""
    seen = np.concatenate([corpus.digests[splits.train], corpus.digests[splits.val]])
    return len(np.intersect1d(corpus.digests[splits.test], seen))
