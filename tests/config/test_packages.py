"""Which presets there are, and which files are bases that only other presets read."""

from pathlib import Path

import pytest

from suite.config import packages


def test_presets_are_named_by_their_path_and_bases_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "some_lab_conf" / "data" / "graph"
    folder.mkdir(parents=True)
    (tmp_path / "some_lab_conf" / "__init__.py").touch()
    for name in ("_base", "tiny"):
        (folder / f"{name}.yaml").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packages, "config_packages", lambda: ("some_lab_conf",))
    assert packages.options("data") == ["graph/tiny"]
    assert packages.options("model") == []
    assert packages.groups() == {"data/graph": ["tiny"]}


def test_groups_hold_what_options_list() -> None:
    groups = packages.groups()
    assert {"auto", "ddp_cpu"} <= set(groups["trainer"])
    assert [f"graph/{name}" for name in groups["data/graph"]] == [
        name for name in packages.options("data") if name.startswith("graph/")
    ]
