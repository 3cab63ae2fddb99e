"""Processes that the suite starts import the suite, whatever files are in the working directory, and end in time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from suite.processes import die_with_parent, python_arguments
from tests.training import forked
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
SMALL = ["task=documents", "data=documents/synthetic", "debug=one_pass"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with files that have the names of our packages and must not be imported."""
    for name in ("suite", "tasks", "conf"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('a file of the user was imported')\n")
    return tmp_path


def attn(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``attn`` as the console script does: the working directory is not on the path of this first process."""
    script = folder / "bin/attn"
    script.parent.mkdir(exist_ok=True)
    script.write_text("import sys\nfrom suite.cli.main import main\nsys.exit(main())\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_module_runs_with_its_arguments_and_without_the_working_directory(folder: Path) -> None:
    code = "import sys; print(sys.argv[1:]); import suite; print(suite.__file__)"
    (folder / "elsewhere.py").write_text("raise RuntimeError('a file of the user was imported')\n")
    (folder / "site").mkdir()
    (folder / "site/shown.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}  # without the suite, which is appended
    command = [sys.executable, *python_arguments("shown", "a", "b=c")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["['a', 'b=c']", str(ROOT / "suite/__init__.py")], done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", *SMALL, "trainer=ddp_cpu", "run_dir=run"),
        ("sweep", *SMALL, "optim.lr=choice(1e-3,1e-2)", "sweep.trials=1", "sweep.dir=sweep"),
    ],
    ids=["processes", "trials"],
)
def test_files_of_the_user_do_not_shadow_our_packages(words: tuple[str, ...], folder: Path) -> None:
    done = attn(folder, *words)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert len(list(folder.glob("**/result.json"))) == 1


def parent(folder: Path) -> None:
    child = os.fork()
    if child == 0:
        die_with_parent()
        (folder / "ready").touch()
        signal.pause()
    (folder / "child").write_text(str(child))
    signal.pause()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    process = forked.start(parent, tmp_path)
    wait_until(lambda: (tmp_path / "ready").exists() and (tmp_path / "child").exists(), 30)
    child = int((tmp_path / "child").read_text())
    process.kill()
    process.join()
    wait_until(lambda: not running(child), 10)


def running(process: int) -> bool:
    """Whether a process exists and is not a zombie, which only its parent can remove."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
