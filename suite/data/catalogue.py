"""The catalogue of data sets: all data presets, with the source that their yaml names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suite.config.packages import presets
from suite.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from suite.data.source import Source


@dataclass(frozen=True)
class DataSet:
    """A data preset: its name as in ``data=graph/cora``, its description, and its source (None if it has none)."""

    option: str
    about: str
    source: "Source | None"


def list_sets() -> list[DataSet]:
    """Return all data presets, those of installed packages included, sorted by name."""
    return [_read(option, file) for option, file in presets("data").items()]


def find(name: str) -> "Source":
    """Return the source with this name, or of the preset with this name. Raises UserError if there is none."""
    sets = list_sets()
    for item in sets:
        if name in (item.option, item.source.name if item.source else None):
            if item.source is None:
                raise UserError(f"{name} has nothing to download. {item.about}")
            return item.source
    names = [item.source.name for item in sets if item.source]
    raise UserError(f"There is no data set {name!r}.{did_you_mean(name, names)}")


def stated(name: str) -> list["Source"]:
    """Return the sources of this name in the presets. Presets whose text lacks the name are not parsed."""
    mentioned = [(option, file) for option, file in presets("data").items() if name in file.read_text(encoding="utf-8")]
    sources = (_read(option, file).source for option, file in mentioned)
    return [source for source in sources if source is not None and source.name == name]


def _read(option: str, file: Any) -> DataSet:
    """Read a preset from its yaml without building its classes, except the source."""
    from omegaconf import OmegaConf

    text = file.read_text(encoding="utf-8")
    comments = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    about = next((line for line in comments if not line.startswith("@package")), "")
    facts = _find_source(OmegaConf.to_container(OmegaConf.create(text), resolve=False))
    return DataSet(option, about, build_source(facts) if facts else None)


def _find_source(node: Any) -> dict[str, Any] | None:
    """Return the first mapping, at any depth, that is a source."""
    if not isinstance(node, Mapping):
        return None
    if node.get("_target_") == "suite.data.Source":
        return dict(node)
    return next((found for child in node.values() if (found := _find_source(child))), None)


def build_source(node: Mapping[str, Any]) -> "Source":
    """The source of a node of a preset or of a recorded config. Raises TypeError for unknown keys."""
    from suite.data.source import FileSet, Source, Wheel

    def arguments(node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in node.items() if not name.startswith("_")}

    wheel, file_set = node.get("wheel"), node.get("file_set")
    return Source(
        **arguments({key: value for key, value in node.items() if key not in ("wheel", "file_set")}),
        wheel=Wheel(**arguments(wheel)) if wheel else None,
        file_set=FileSet(**arguments(file_set)) if file_set else None,
    )
