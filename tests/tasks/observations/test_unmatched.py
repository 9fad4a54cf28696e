"""What an error says of observations of which none can be used, and that what it asks for is enough."""

from __future__ import annotations

import pandas as pd
import pytest

from tasks.grids.gridded import Gridded
from tasks.observations.networks.table import table
from tasks.observations.quality import quality_control
from tasks.observations.unmatched import counted, read, why_unmatched
from tests.tasks.observations.test_matching import FINE, gridded, matched, seen


@pytest.mark.parametrize(
    ("wrong", "why", "right"),
    [
        ([seen("t2m", 8.0)], "of 1 at its valid times and places all were rejected: 1 outside physical limits;",
         [seen("t2m", 281.0)]),
        ([seen("t2m", 8.0), seen("wind_direction", 90.0)], "1 outside physical limits, 1 wind direction without speed",
         [seen("t2m", 281.0), seen("wind_direction", 90.0), seen("wind_speed", 4.0)]),
        ([seen("t2m", 281.0, hour=4)],
         ("it has 8 valid times, 2026-11-20 03:00 to 2026-11-21 00:00 UTC; of 1 value at 1 station, from "
          "2026-11-20 04:00 to 2026-11-20 04:00 UTC, 0 are at one of these, they lie between them; bring"),
         [seen("t2m", 281.0)]),
        ([seen("t2m", 281.0, hour=h, station=s) for h in (-2, 0) for s in "AB"],
         ("of 4 values at 2 stations, from 2026-11-19 22:00 to 2026-11-20 00:00 UTC, 0 are at one of these, all are "
          "before the first; bring those of its times (times are UTC; write local ones with their offset"),
         [seen("t2m", 281.0)]),
        ([seen("t2m", 281.0, hour=30)], "0 are at one of these, all are after the last;", [seen("t2m", 281.0)]),
        ([seen("tp", 0.001, hour=6, period=1.0)],
         "1 amount of rain, which end at its valid times, are of hours (1) that its lead times do not add up to",
         [seen("tp", 0.001, hour=6, period=6.0)]),
        ([seen("t2m", 281.0, longitude=-112.38)], "-112.38 to -112.38 E; is west negative?",
         [seen("t2m", 281.0)]),
    ],
    ids=["rejected", "rejected twice", "times", "before", "after", "hours of rain", "places"],
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


def test_of_a_file_of_other_days_it_is_said_what_it_holds() -> None:
    other = table(pd.DataFrame([seen("t2m", 281.0, hour=-96), seen("d2m", 280.0, hour=-72, station="B")]))
    assert why_unmatched(table([]), gridded(FINE), read(other)) == (
        "it has 8 valid times, 2026-11-20 03:00 to 2026-11-21 00:00 UTC; of 2 values at 2 stations, from "
        "2026-11-16 00:00 to 2026-11-17 00:00 UTC, none is of these days; bring those of its times (times are UTC; "
        "write local ones with their offset, like 2026-11-20T08:00+08:00)"
    )


def test_checks_are_counted_the_most_frequent_first() -> None:
    rows = [seen("t2m", 8.0), seen("t2m", 9.0, station="B", latitude=32.0), seen("tp", -0.5, period=3.0)]
    assert counted(quality_control(table(pd.DataFrame(rows)))) == "2 outside physical limits, 1 negative rain"
