"""The page of mechanisms is what trying them says."""

from pathlib import Path

from suite.attention.mechanisms import table


def test_the_page_of_mechanisms_is_up_to_date():
    command = "python -m suite.attention.mechanisms > docs/attention.md"
    assert Path("docs/attention.md").read_text() == table(), f"run: {command}"
