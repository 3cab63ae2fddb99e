"""What is known about a public data set."""

import json
from pathlib import Path

from omegaconf import OmegaConf

from suite.data.source import Resolved, Source, Wheel


def test_mappings_of_a_config_become_plain() -> None:
    source = Source("small", "small", OmegaConf.create({"a.txt": None}), instead=OmegaConf.create(["b.txt"]))
    assert type(source.files) is dict
    assert type(source.instead) is tuple
    assert type(Wheel("x==1", "0" * 64, "x", OmegaConf.create({"x/a.txt": "1"})).members) is dict


def test_an_address_without_a_place_for_the_file_is_an_archive() -> None:
    assert Source("small", "small", {}, url="https://example.org/all.zip").in_archive
    assert not Source("small", "small", {}, url="https://example.org/{file}").in_archive
    assert not Source("small", "small", {}).in_archive


def test_files_of_a_wheel_have_no_folders() -> None:
    assert Wheel("x==1", "0" * 64, "x", {"x/data/a.txt": "1", "b.txt": "2"}).files == {"a.txt": "1", "b.txt": "2"}


def test_resolved_files_are_plain_values() -> None:
    resolved = Resolved("files", Path("data"), Path("data/small"), "local files", {"a.txt": "1"})
    assert resolved.path("a.txt") == Path("data/small/a.txt")
    assert json.loads(json.dumps(resolved.as_dict()))["folder"] == "data/small"
