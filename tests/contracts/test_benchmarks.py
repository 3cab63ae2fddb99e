"""Every benchmark runs with ``--quick`` and prints its table. What it measures is not asserted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
BENCHMARKS = sorted(path for path in FOLDER.glob("*.py") if "__main__" in path.read_text())


def test_every_file_but_the_timer_is_a_benchmark() -> None:
    assert set(FOLDER.glob("*.py")) - set(BENCHMARKS) == {FOLDER / "timing.py"}


def test_the_readme_lists_every_benchmark() -> None:
    assert set(re.findall(r"^\| `(\w+)\.py`", (FOLDER / "README.md").read_text(), re.MULTILINE)) == {
        path.stem for path in BENCHMARKS
    }


@pytest.mark.slow  # minutes together: make slow
@pytest.mark.benchmark
@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_it_prints_its_table(path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", str(data_dir))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = subprocess.run([sys.executable, str(path), "--quick"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d", done.stdout)
