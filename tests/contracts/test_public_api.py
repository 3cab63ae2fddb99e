"""The public names and their signatures are exactly those of docs/api.md, and its example runs."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import suite

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
CODE = re.compile(r"`((?:suite|Model|Run)\.[A-Za-z]\w*)(\(.*?)?`(?: \||:)")
MODULES = re.compile(r"(?:\w+\.)+(?=\w)")  # of types in signatures


def documented() -> dict[str, str]:
    """Signature by name, empty for names without one."""
    return {name: signature.replace("\\|", "|") for name, signature in CODE.findall(PAGE.replace("\n", " "))}


def signature_of(found: object) -> str:
    text = MODULES.sub("", str(inspect.signature(found)).replace("'", ""))
    return text.replace("(self, ", "(").replace("_cls, ", "")


def public() -> dict[str, object]:
    classes = {f"suite.{name}": getattr(suite, name) for name in suite.__all__}
    members = {
        f"{owner}.{name}": member
        for owner, cls in (("Model", suite.Model), ("Run", suite.Run))
        for name, member in vars(cls).items()
        if not name.startswith("_")
    }
    attributes = {"Run.dir": None, **{f"Model.{name}": None for name in ("module", "config", "facts", "path")}}
    return classes | members | attributes


def test_the_names_are_those_of_the_page():
    assert set(documented()) == set(public())


@pytest.mark.parametrize("name", sorted(name for name, signature in documented().items() if signature))
def test_the_signature_is_that_of_the_page(name):
    assert signature_of(public()[name]) == documented()[name].replace("'", "")


def test_everything_callable_has_its_signature_on_the_page():
    functions = {name for name, found in public().items() if inspect.isfunction(found)}
    assert {name for name, signature in documented().items() if signature} >= functions


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    exec(compile(example, "docs/api.md", "exec"), {})
    assert len(list(tmp_path.glob("runs/example/pictures/*"))) == 2


PACKAGES = ("suite.api", "suite.cli", "suite.draw")


@pytest.mark.parametrize(
    "name",
    [
        module.name
        for package in PACKAGES
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
    ],
)
def test_each_module_declares_what_is_public(name):
    module = importlib.import_module(name)
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    }
    assert set(module.__all__) <= own | {"main"}
    assert all(getattr(module, key).__doc__ for key in module.__all__)
