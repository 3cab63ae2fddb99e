"""``attn data``: the data sets of all tasks, their sources, and which of their files are on this machine."""

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from suite.data import catalogue
from suite.errors import UserError

if TYPE_CHECKING:
    from suite.data.source import Source

__all__ = ["main"]

USAGE = "usage: attn data [data.dir=DIR] | attn data get NAME | attn data verify NAME"
HELP = f"""{USAGE}

Without NAME, lists every data set with its source, size and licence, and whether its files are present.
get NAME      downloads a data set if it is missing, and verifies its files
verify NAME   compares the files with their recorded SHA-256, without network access"""
MAX_HASHED = 64 << 20  # bytes; the list hashes smaller data sets only, `verify` hashes all


def main(argv: list[str]) -> int:
    """Run the command; return 0. Raises UserError for an unknown data set, and for missing or changed files."""
    from suite.data.files import default_data_dir

    words = [word for word in argv if not word.startswith("data.dir=")]
    places = [Path(word.removeprefix("data.dir=")) for word in argv if word.startswith("data.dir=")]
    data_dir = places[-1] if places else default_data_dir()
    if words[:1] in (["-h"], ["--help"]):
        print(HELP)
    elif not words:
        show(catalogue.list_sets(), data_dir)
    elif len(words) == 2 and words[0] in ("get", "verify"):
        {"get": get, "verify": verify}[words[0]](words[1], data_dir)
    else:
        raise UserError(f"attn data {' '.join(words)} is not a command; {USAGE}")
    return 0


def get(name: str, data_dir: Path) -> None:
    """Download a data set if it is missing, and verify it. Raises UserError."""
    from suite.data.resolve import resolve

    found = resolve(catalogue.find(name), data_dir)
    print(f"{name}: in {found.folder}, from {found.origin}; {len(found.sha256)} files, verified.")


def verify(name: str, data_dir: Path) -> None:
    """Verify the files of a data set without network access. Raises UserError for missing and for changed files."""
    from suite.data.resolve import find_local

    source = catalogue.find(name)
    found = find_local(source, data_dir)
    if found is None:
        raise UserError(
            f"{name} is not complete in {data_dir / source.folder}; download it with: attn data get {source.name}"
        )
    print(f"{name}: {len(found.sha256)} files in {found.folder}, {_checked(source, found.kind)}.")
    for file, sha256 in found.sha256.items():
        print(f"  {sha256}  {file}")


def show(sets: list[catalogue.DataSet], data_dir: Path) -> None:
    """Print each data set that has files: its state, then its source, size and licence."""
    files = [item for item in sets if item.source is not None]
    width = max(len(item.option) for item in files)
    print(f"Data sets, in {data_dir}; data=NAME trains on one\n")
    for item in files:
        assert item.source is not None
        print(f"{item.option:{width}}  {state(item.source, data_dir)}")
        lines = (*_origins(item.source), item.source.size, item.source.licence)
        print("\n".join(wrap(" | ".join(filter(None, lines)), 100, initial_indent="    ", subsequent_indent="    ")))
    others = ", ".join(item.option for item in sets if item.source is None)
    print("\n" + "\n".join(wrap(f"Nothing to download: {others}", 100)))


def state(source: "Source", data_dir: Path) -> str:
    """Which files of a data set are in ``data_dir``, in a few words."""
    from suite.data.resolve import find_local, missing_files

    paths = [data_dir / source.folder / name for name in source.files]
    present = [path for path in paths if path.is_file()]
    if sum(path.stat().st_size for path in present) > MAX_HASHED:
        part = "" if len(present) == len(paths) else f"{len(present)} of {len(paths)} files "
        return f"{part}present, hash not checked"
    try:
        found = find_local(source, data_dir)
    except UserError:
        return f"wrong hash (attn data verify {source.name})"
    if found is None and source.instead and not missing_files(source.instead, data_dir / source.folder):
        return f"present as {' and '.join(source.instead)}"
    if found is None:
        missing = len(missing_files(source.files, data_dir / source.folder))
        return "missing" if missing == len(paths) else f"{missing} of {len(paths)} files missing"
    return ("present, " if found.kind == "files" else "cached from the package index, ") + _checked(source, found.kind)


def _origins(source: "Source") -> list[str]:
    page = source.homepage.removeprefix("https://")
    by_hand = [] if source.url else ["download by hand"]
    wheel = [f"or {source.wheel.requirement} from the package index"] if source.wheel else []
    return [" ".join([page, *by_hand, *wheel])]


def _checked(source: "Source", kind: str) -> str:
    unknown = kind == "files" and not all(source.files.values())
    return "hash not recorded" if unknown else "verified"
