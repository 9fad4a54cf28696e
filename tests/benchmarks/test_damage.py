"""The page says of wrong bytes within fields what was counted."""

from __future__ import annotations

import json

from benchmarks.runs.damage import FILE, PAGE, page


def test_the_page_has_the_counts_that_are_kept() -> None:
    counts = json.loads(FILE.read_text())["counts"]
    text = PAGE.read_text()
    assert page(text, counts) == text
