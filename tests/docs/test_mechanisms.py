"""The page of mechanisms is what trying them says."""

from pathlib import Path

from docs.tools.mechanisms import table


def test_the_page_of_mechanisms_is_up_to_date():
    command = "python docs/tools/mechanisms.py > docs/attention.md"
    assert Path("docs/attention.md").read_text() == table(), f"run: {command}"
