"""The catalogue of data sets: every data preset on the search path, with the source that its yaml states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suite.config.packages import presets
from suite.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from suite.data.source import Source


@dataclass(frozen=True)
class DataSet:
    """One preset: ``option`` as in ``data=graph/cora``, a sentence from its yaml, and its source if it has one."""

    option: str
    about: str
    source: "Source | None"


def list_sets() -> list[DataSet]:
    """Every data preset of the suite and of the packages that add tasks, in the order of their names."""
    return [_read(option, file) for option, file in presets("data").items()]


def find(name: str) -> "Source":
    """The source of the set called ``name``: by its own name, or as in ``data=NAME``. Raises UserError."""
    sets = list_sets()
    for item in sets:
        if name in (item.option, item.source.name if item.source else None):
            if item.source is None:
                raise UserError(f"{name} has nothing to download. {item.about}")
            return item.source
    names = [item.source.name for item in sets if item.source]
    raise UserError(f"There is no data set {name!r}.{did_you_mean(name, names)}")


def _read(option: str, file: Any) -> DataSet:
    """A preset from its yaml; nothing that the yaml names is built, except the source."""
    from omegaconf import OmegaConf

    text = file.read_text(encoding="utf-8")
    comments = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    about = next((line for line in comments if not line.startswith("@package")), "")
    facts = _find_source(OmegaConf.to_container(OmegaConf.create(text), resolve=False))
    return DataSet(option, about, _build(facts) if facts else None)


def _find_source(node: Any) -> dict[str, Any] | None:
    """The first mapping, at any depth, that states a source."""
    if not isinstance(node, Mapping):
        return None
    if node.get("_target_") == "suite.data.Source":
        return dict(node)
    return next((found for child in node.values() if (found := _find_source(child))), None)


def _build(facts: dict[str, Any]) -> "Source":
    from suite.data.source import Source, Wheel

    def arguments(node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in node.items() if not name.startswith("_")}

    wheel = facts.pop("wheel", None)
    return Source(**arguments(facts), wheel=Wheel(**arguments(wheel)) if wheel else None)
