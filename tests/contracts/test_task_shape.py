"""Every task folder has the same files, so that a reader who knows one task knows where to look in the next."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = sorted(path.parent for path in ROOT.glob("tasks/*/__init__.py"))
FILES = """
README.md RESULTS.md __init__.py __init__.pyi
data.py batch.py split.py synthetic.py losses.py metrics.py module.py predict.py
"""


@pytest.mark.parametrize("folder", TASKS, ids=lambda path: path.name)
def test_a_task_folder_has_the_common_files(folder: Path) -> None:
    missing = [name for name in FILES.split() if not (folder / name).is_file()]
    assert not missing
    assert (folder / "readers").is_dir(), "readers of data sets are in readers/"
    assert (folder / "model.py").is_file() != (folder / "models").is_dir(), "networks are in model.py or in models/"


@pytest.mark.parametrize("folder", TASKS, ids=lambda path: path.name)
def test_a_task_has_its_presets_and_its_tests(folder: Path) -> None:
    conf = ROOT / "conf"
    assert (conf / "task" / f"{folder.name}.yaml").is_file()
    assert (conf / "data" / folder.name / "synthetic.yaml").is_file()
    assert list((conf / "model" / folder.name).glob("*.yaml"))
    assert list((conf / "experiment" / folder.name).glob("*.yaml"))
    assert (ROOT / "tests" / folder.name / "test_task.py").is_file()
    assert (ROOT / "notebooks" / f"{folder.name}.ipynb").is_file()
