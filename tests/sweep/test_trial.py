"""The process of a trial."""

from pathlib import Path

from suite.cli.main import main

BASE = ["sweep", "task=graph", "data=graph/synthetic"]


def test_trials_share_devices_and_carry_the_name_of_the_sweep() -> None:
    words = ["optim.lr=interval(0.1,0.9)", "sweep.trials=4", "sweep.devices=['0,1','2,3']", "sweep.dir=s"]
    assert main([*BASE, *words]) == 0
    starts = {path.read_text().strip() for path in Path("s/trials").glob("*/starts")}
    assert starts == {"0,1 s", "2,3 s"}
