"""docs/attention.md is what its generator writes, and its statement on combinations is true."""

from pathlib import Path

from docs.tools.mechanisms import every_square_combination_works, page


def test_the_page_is_up_to_date():
    command = "python docs/tools/mechanisms.py > docs/attention.md"
    assert Path("docs/attention.md").read_text() == page(), f"run: {command}"


def test_every_combination_works_where_lengths_are_equal():
    assert every_square_combination_works()
