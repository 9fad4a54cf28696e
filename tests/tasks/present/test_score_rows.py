"""Scores as tables for people: rain in mm, pressure in hPa, the unit beside the variable."""

from __future__ import annotations

import pytest

from tasks.handover.scorecard import StationScore, TruthScore, Verification
from tasks.present.score_rows import COLUMNS, TRUTH, rows, truth_rows


@pytest.mark.parametrize(
    ("variable", "units", "si", "shown"),
    [
        ("tp", "m", 0.00125, ["mm", "1.25"]), ("msl", "Pa", 87.5, ["hPa", "0.875"]),
        ("sp", "Pa", 87.5, ["hPa", "0.875"]),
        ("t2m", "K", 1.25, ["K", "1.25"]), ("u10", "m s-1", 1.25, ["m/s", "1.25"]),
    ],
)  # fmt: skip
def test_errors_are_in_the_units_people_use(variable: str, units: str, si: float, shown: list[str]) -> None:
    truth = TruthScore(variable=variable, units=units, count=9, product=si, bilinear=2 * si, bicubic=si)
    (row,) = truth_rows([truth])
    assert len(row) == len(TRUTH)
    assert (row[1:3], row[5]) == (shown, "")
    score = StationScore(
        variable=variable, units=units, candidate="product_bilinear_none", group="all", count=9, stations=3, bias=-si,
        mae=si, rmse=si, low=si, high=2 * si,
    )  # fmt: skip
    found = Verification(
        observations=[], complete=True, stations=3, count=9, rejected={}, scores=[score], skill=[], events=[], cases=[]
    )
    (row,) = rows(found)
    at = dict(zip(COLUMNS, row, strict=True))
    assert [at["unit"], at["RMSE"]] == shown
    assert at["bias"] == f"-{shown[1]}"
    assert list(at)[:2] == ["variable", "unit"]
