"""``attn data``: the data sets of all tasks, where each comes from, and what of it lies on this machine."""

import importlib.util
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from suite.data.source import Source

USAGE = "Use: attn data [data.dir=DIR] | attn data get NAME | attn data verify NAME"
HASHED_AT_ONCE = 64 << 20  # bytes; the list does not read through larger sets, `verify` does


@dataclass(frozen=True)
class DataSet:
    """One preset: ``option`` as in ``data=graph/cora``, a sentence from its yaml, and its source if it has one."""

    option: str
    about: str
    source: "Source | None"


def main(argv: list[str]) -> int:
    """Run the command; returns 0. Raises UserError for everything that a user can put right."""
    from suite.data.files import default_data_dir

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    words = [word for word in argv if not word.startswith("data.dir=")]
    places = [Path(word.removeprefix("data.dir=")) for word in argv if word.startswith("data.dir=")]
    data_dir = places[-1] if places else default_data_dir()
    if not words:
        show(list_sets(), data_dir)
    elif len(words) == 2 and words[0] in ("get", "verify"):
        {"get": get, "verify": verify}[words[0]](words[1], data_dir)
    else:
        raise UserError(f"attn data {' '.join(words)} is not a command. {USAGE}")
    return 0


def list_sets() -> list[DataSet]:
    """Every data preset of the suite and of the packages that add tasks, in the order of their names."""
    found: dict[str, DataSet] = {}
    for folder in config_folders():
        for path in sorted((folder / "data").rglob("*.yaml")):
            option = path.relative_to(folder / "data").with_suffix("").as_posix()
            found.setdefault(option, _read(option, path))
    return [found[option] for option in sorted(found)]


def get(name: str, data_dir: Path) -> None:
    """Fetch a set unless it is there, and check it. Raises UserError."""
    from suite.data.resolve import resolve

    found = resolve(_source_of(name), data_dir)
    print(f"{name}: in {found.folder}, from {found.origin}; {len(found.sha256)} files, checked.")


def verify(name: str, data_dir: Path) -> None:
    """Check the files of a set without network. Raises UserError for missing and for changed files."""
    from suite.data.resolve import find_local

    source = _source_of(name)
    found = find_local(source, data_dir)
    if found is None:
        raise UserError(
            f"{name} is not complete in {data_dir / source.folder}. Fetch it with: attn data get {source.name}"
        )
    print(f"{name}: {len(found.sha256)} files in {found.folder}, {_checked(source, found.kind)}.")
    for file, sha256 in found.sha256.items():
        print(f"  {sha256}  {file}")


def show(sets: list[DataSet], data_dir: Path) -> None:
    """Print the table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, title=f"Data sets, in {data_dir}")
    table.add_column("data=", no_wrap=True)
    for heading in ("from", "licence", "size", "state"):
        table.add_column(heading, overflow="fold")
    for item in sets:
        if item.source is None:
            table.add_row(item.option, "", "", "", "nothing to download")
        else:
            facts = item.source
            table.add_row(item.option, _origin(facts), facts.licence, facts.size, state(facts, data_dir))
    Console().print(table)


def state(source: "Source", data_dir: Path) -> str:
    """What of a set lies in ``data_dir``, in a few words."""
    from suite.data.resolve import find_local, missing_files

    paths = [data_dir / source.folder / name for name in source.files]
    present = [path for path in paths if path.is_file()]
    if sum(path.stat().st_size for path in present) > HASHED_AT_ONCE:
        part = "" if len(present) == len(paths) else f"{len(present)} of {len(paths)} files "
        return f"{part}present, hash not checked"
    try:
        found = find_local(source, data_dir)
    except UserError:
        return f"wrong hash (attn data verify {source.name})"
    if found is None:
        missing = len(missing_files(source.files, data_dir / source.folder))
        return "missing" if missing == len(paths) else f"{missing} of {len(paths)} files missing"
    return ("present, " if found.kind == "files" else "cached from the package index, ") + _checked(source, found.kind)


def config_folders() -> Iterator[Path]:
    """The configuration folder of the suite, then those of installed packages that add tasks."""
    modules = ["conf", *sorted(point.value for point in entry_points(group="attention_suite.tasks"))]
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise UserError(f"An installed package names {module} as its configuration, and there is no such module.")
        yield from map(Path, spec.submodule_search_locations or [])


def _read(option: str, path: Path) -> DataSet:
    """A preset from its yaml; nothing that the yaml names is built, except the source."""
    from omegaconf import OmegaConf

    comments = [line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    about = next((line for line in comments if not line.startswith("@package")), "")
    facts = _find_source(OmegaConf.to_container(OmegaConf.load(path), resolve=False))
    return DataSet(option, about, _build(facts) if facts else None)


def _find_source(node: Any) -> dict[str, Any] | None:
    """The first mapping, at any depth, that states a source."""
    if not isinstance(node, Mapping):
        return None
    if node.get("_target_") == "suite.data.source.Source":
        return dict(node)
    return next((found for child in node.values() if (found := _find_source(child))), None)


def _build(facts: dict[str, Any]) -> "Source":
    from suite.data.source import Source, Wheel

    def arguments(node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in node.items() if not name.startswith("_")}

    wheel = facts.pop("wheel", None)
    return Source(**arguments(facts), wheel=Wheel(**arguments(wheel)) if wheel else None)


def _source_of(name: str) -> "Source":
    """The source of the set called ``name``: by its own name, or as in ``data=NAME``. Raises UserError."""
    sets = list_sets()
    for item in sets:
        if name in (item.option, item.source.name if item.source else None):
            if item.source is None:
                raise UserError(f"{name} has nothing to download. {item.about}")
            return item.source
    names = [item.source.name for item in sets if item.source]
    raise UserError(f"There is no data set {name!r}.{did_you_mean(name, names)}")


def _origin(source: "Source") -> str:
    page = source.homepage.removeprefix("https://")
    places = [page if source.url else f"{page} (by hand)"]
    if source.wheel:
        places.append(f"{source.wheel.requirement} (index)")
    return "\n".join(places)


def _checked(source: "Source", kind: str) -> str:
    unknown = kind == "files" and not all(source.files.values())
    return "hash not recorded" if unknown else "verified"
