"""docs/accuracy.md from three cases, against figures computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.operators import between
from benchmarks.accuracy.operators_page import page, summary
from benchmarks.accuracy.rows import Row
from models.geometry import Axis
from models.operator import MEANS
from models.statics import Statics
from models.training.batches import Batch

ROWS = [
    Row("exact", "era5-uk", "t2m", 2.0, 0.3, {"cubic": 0.4, "bilinear": 0.5}, 0.6),
    Row("exact", "era5-uk", "t2m", 4.0, 0.9, {"cubic": 0.8, "bilinear": 0.75}, 0.9),
    Row("means", "hres-test", "u10", 2.0, 1.0, {"cubic": 2.0}),
]


def test_each_case_is_beside_the_best_of_the_others() -> None:
    assert [(r.best, r.ratio) for r in ROWS] == [
        ("cubic", pytest.approx(0.75)), ("bilinear", pytest.approx(1.2)), ("cubic", 0.5),
    ]  # fmt: skip


def test_summary_counts_what_is_better_and_what_a_wrong_operator_costs() -> None:
    lines = summary(ROWS).splitlines()
    assert [c.strip() for c in lines[2].split("|")[2:-1]] == ["2", "0.975", "1 of 2", f"{(1.5 + 1.2) / 2:.3f}"]
    assert [c.strip() for c in lines[3].split("|")[2:-1]] == ["1", "0.500", "1 of 1", ""]
    assert len(lines) == 4, "nothing was sampled"


def test_page_marks_where_another_way_is_better_and_names_it() -> None:
    text = page(ROWS)
    assert "| era5-uk | t2m | 0.750 cubic | **1.200** bilinear |\n" in text
    assert "- `era5-uk`: ERA5" in text
    assert "| era5-uk | t2m | x2 | 0.3 | 0.4 | 0.5 |" in text
    assert "kerala" not in text, "only what was scored"


def test_exact_is_scored_between_the_input_s_points_alone() -> None:
    axis, x = Axis(4 + np.arange(5) / 2, 0.5), None
    scene = Batch(x, x, Statics(x, x, x, x), axis, axis, MEANS, x)
    assert between(scene).sum() == 25 - 9
    assert not between(scene)[::2, ::2].any()
