"""What an error says of observations of which none can be used, and that what it asks for is enough."""

from __future__ import annotations

import pandas as pd
import pytest

from tasks.grids.gridded import Gridded
from tasks.observations.networks.table import table
from tasks.observations.quality import quality_control
from tasks.observations.unmatched import counted, why_unmatched
from tests.tasks.observations.test_matching import FINE, gridded, matched, seen


@pytest.mark.parametrize(
    ("wrong", "why", "right"),
    [
        ([seen("t2m", 8.0)], "of 1 at its valid times and places all were rejected: 1 outside physical limits;",
         [seen("t2m", 281.0)]),
        ([seen("t2m", 8.0), seen("wind_direction", 90.0)], "1 outside physical limits, 1 wind direction without speed",
         [seen("t2m", 281.0), seen("wind_direction", 90.0), seen("wind_speed", 4.0)]),
        ([seen("t2m", 281.0, hour=4)], "they reach from 2026-11-20 04:00:00 to 2026-11-20 04:00:00 UTC;",
         [seen("t2m", 281.0)]),
        ([seen("t2m", 281.0, longitude=-112.38)], "-112.38 to -112.38 E; is west negative?",
         [seen("t2m", 281.0)]),
    ],
    ids=["rejected", "rejected twice", "times", "places"],
)  # fmt: skip
def test_the_reason_is_that_for_which_none_is_left(wrong: list[dict], why: str, right: list[dict]) -> None:
    observations = quality_control(table(pd.DataFrame(wrong)))
    assert why in why_unmatched(observations, gridded(FINE))
    assert len(matched(*right))


def test_variables_that_the_fields_do_not_have_are_named() -> None:
    whole = gridded(FINE)
    product = Gridded(whole.fields[["t2m"]], whole.grid)
    observations = table(pd.DataFrame([seen("tp", 0.001, period=3.0), seen("wind_speed", 3.0)]))
    assert why_unmatched(observations, product) == (
        "they are of tp, wind_speed, and the fields are t2m; bring observations of those"
    )


def test_checks_are_counted_the_most_frequent_first() -> None:
    rows = [seen("t2m", 8.0), seen("t2m", 9.0, station="B", latitude=32.0), seen("tp", -0.5, period=3.0)]
    assert counted(quality_control(table(pd.DataFrame(rows)))) == "2 outside physical limits, 1 negative rain"
