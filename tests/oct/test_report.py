"""The report on checkpoints."""

from pathlib import Path

import pytest

from tasks.oct import report


def test_a_report_may_cover_several_checkpoints(checkpoint: Path) -> None:
    one, two = report.look([checkpoint]), report.look([checkpoint, checkpoint])
    assert len(two.labels) == 2 * len(one.labels)
    assert report.figures(one)["accuracy"] == report.figures(two)["accuracy"]
    chosen = report.cases(one)
    assert len(chosen) == len(set(chosen)) == 9


def test_a_report_needs_its_arguments(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report.main([]) == 2
    assert report.main([f"output={tmp_path}", "ckpt=nowhere.ckpt"]) == 2
    assert "no checkpoint at nowhere.ckpt" in capsys.readouterr().err
