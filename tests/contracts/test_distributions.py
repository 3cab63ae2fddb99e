"""The wheel and the source distribution contain code, configs and data facts, and work after installation."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from suite.api.tasks import tasks

ROOT = Path(__file__).parents[2]
PARTS = ("suite/", "tasks/", "conf/")


def files_of_the_repository() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def _run(arguments: list[str], folder: Path) -> str:
    """Run this interpreter and return its output."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built from a copy of the files that git tracks; the wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("distributions")
    for name in files_of_the_repository():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    sdist = f"import setuptools.build_meta as backend; print(backend.build_sdist({str(folder)!r}))"
    wheel = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    name = _run(["-c", sdist], folder / "source").splitlines()[-1]
    _run([*wheel, str(folder / name)], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("attention_suite-*.whl"))


@pytest.fixture(scope="module")
def sdist(distributions: Path) -> Path:
    return next(distributions.glob("attention_suite-*.tar.gz"))


def installed(distribution: Path, folder: Path) -> dict[str, str]:
    """Install into ``folder`` without dependencies; the environment of processes that use it."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*install, str(folder), str(distribution)], check=True, capture_output=True)
    return os.environ | {"PYTHONPATH": str(folder), "CI": "true"}


def test_both_contain_all_code_configs_and_facts(wheel: Path, sdist: Path) -> None:
    wanted = {
        name
        for name in files_of_the_repository()
        if name.startswith(PARTS) and name.endswith((".py", ".pyi", ".yaml", ".json", ".cpp", ".h", "py.typed"))
    }
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert not wanted - inside
    assert all(name.startswith((*PARTS, "attention_suite-")) for name in inside)
    with tarfile.open(sdist) as archive:
        assert not wanted - {name.partition("/")[2] for name in archive.getnames()}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_commands_work_in_an_empty_folder(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    environment = installed(request.getfixturevalue(kind), tmp_path / "site")
    (tmp_path / "empty").mkdir()
    for arguments in (["tasks"], ["train", "task=graph", "data=graph/synthetic", "debug=one_pass"]):
        command = [sys.executable, "-m", "suite.cli.main", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "graph" in done.stdout
    code = "import suite; print(suite.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert where.stdout.startswith(str(tmp_path))


def synthetic(task: str) -> list[str]:
    return ["train", f"task={task}", f"data={task}/synthetic", "debug=one_pass", f"run_dir={task}"]


@pytest.mark.slow  # installs all dependencies
@pytest.mark.timeout(3000)
def test_a_clean_environment_runs_every_command_and_every_task(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "clean")], check=True)
    scripts, folder = tmp_path / "clean" / "bin", tmp_path / "empty"
    folder.mkdir()
    install = [str(scripts / "python"), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True, env=os.environ | {"PYTHONPATH": ""})
    commands = [
        ["--help"],
        ["tasks"],
        ["data"],
        *(synthetic(task.name) for task in tasks()),
        ["eval", "ckpt=graph", "split=test"],
        ["predict", "ckpt=documents", "input=texts.txt", "output=answers.jsonl", "draw=pictures"],
        ["find", "lr", "task=graph", "data=graph/synthetic", "steps=10"],
    ]
    (folder / "texts.txt").write_text("A waste of money!\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"CI": "true"}
    for arguments in commands:
        command = [str(scripts / "attn"), *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"attn {' '.join(arguments)}\n{done.stderr}"
    sweep = [str(scripts / "attn"), "sweep", "task=graph", "data=graph/synthetic", "optim.lr=choice(1e-3,1e-2)"]
    done = subprocess.run(sweep, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'attention-suite[sweep]'" in done.stderr
