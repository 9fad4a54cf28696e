"""The report's table of days: what each day's maps are made of, and which days there are."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest
import xarray as xr

from tasks.present.report.days import Days, Row, days
from tasks.timezones import zone_of
from tests.tasks.present.report.made import CYCLE

SHANGHAI = zone_of("Asia/Shanghai")
START = np.datetime64(CYCLE.replace(tzinfo=None), "ns")  # 00 UTC, 08 in Shanghai


def product(hours: list[int], **fields: np.ndarray) -> xr.Dataset:
    """Uniform fields on four points, a value a lead time."""
    step = np.array(hours, "timedelta64[h]").astype("timedelta64[ns]")
    whole = {
        n: (("step", "latitude", "longitude"), np.ones((len(hours), 2, 2)) * v[:, None, None])
        for n, v in fields.items()
    }
    coords = {"step": step, "latitude": [31.0, 30.5], "longitude": [112.0, 112.5], "valid_time": ("step", START + step)}
    return xr.Dataset(whole, coords)


def rows(found: Days | None) -> dict[str, Row]:
    assert found is not None
    return {r.title: r for r in found.rows}


def test_a_day_has_its_highest_its_lowest_its_sum_and_its_strongest() -> None:
    hours = list(range(0, 73, 3))
    warmth = 280 + np.array(hours, float)  # rises by a kelvin an hour
    rain, u = np.full(len(hours), 0.002), np.where(np.array(hours) == 30, 8.0, 3.0)
    found = days(product(hours, t2m=warmth, tp=rain, u10=u, v10=np.full(len(hours), 4.0)), None, SHANGHAI)
    assert found is not None
    assert found.days == ["Fri 20 Nov, from 08:00", "Sat 21 Nov", "Sun 22 Nov"], "the last one has a third of its hours"
    by = rows(found)
    # Saturday in Shanghai is from 16 to 40 h: 18 to 39 h of temperature, and eight times 2 mm
    assert by["highest temperature"].ranges == ["22", "46", "70"]
    assert by["lowest temperature"].ranges == ["7", "25", "49"]
    assert by["precipitation"].ranges == ["13", "16", "16"], "what is at 0 h, and 16 h of the first day"
    assert by["strongest wind"].ranges == ["5", "9", "5"]
    assert (by["precipitation"].low, by["precipitation"].unit) == ("0", "mm")
    assert [len(r.maps) for r in found.rows] == [3] * 4
    assert by["highest temperature"].maps[1].alt == "highest temperature, Sat 21 Nov: 46 °C"


def test_rain_at_midnight_is_that_of_the_day_which_ends() -> None:
    hours = list(range(1, 64))
    rain = np.where(np.array(hours) == 40, 0.01, 0.0)  # 16 UTC of the second day, midnight in Shanghai
    assert rows(days(product(hours, tp=rain), None, SHANGHAI))["precipitation"].ranges == ["0", "10", "0"]
    assert rows(days(product(hours, tp=np.roll(rain, 1)), None, SHANGHAI))["precipitation"].ranges == ["0", "0", "10"]
    assert rows(days(product(hours, tp=np.roll(rain, 8)), None, UTC))["precipitation"].ranges == ["0", "10", "0"]


@pytest.mark.parametrize("hours", [[8], [3, 6, 9], [0, 14]])
def test_without_a_day_that_lead_times_cover_there_is_no_table(hours: list[int]) -> None:
    assert days(product(hours, t2m=np.full(len(hours), 280.0)), None, UTC) is None


def test_a_forecast_that_ends_early_says_until_when_its_last_day_is() -> None:
    found = days(product(list(range(17)), t2m=np.full(17, 280.0)), None, UTC)
    assert found is not None
    assert found.days == ["Fri 20 Nov, to 16:00"]


def test_what_is_missing_is_left_out_and_a_field_of_nothing_is_told() -> None:
    hours = list(range(0, 24, 3))
    warmth = np.full(8, 270.0)
    warmth[2] = np.nan
    found = rows(days(product(hours, t2m=warmth, tp=np.full(8, np.nan)), None, UTC))
    assert found["highest temperature"].ranges == ["−3"]
    assert found["precipitation"].ranges == ["–"]
