"""The lapse rate between Lu Shan and the plain around it, from the table of observations alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.observations.networks.files import read_observations
from tasks.observations.networks.table import usable
from tasks.observations.quality import quality_control

LU_SHAN, NEAR, LOW = "585060-99999", 200.0, 200.0  # km, m


def lapse_rate(observations: pd.DataFrame) -> tuple[float, int, int]:
    """K/km of a mountain against the mean of its lowland neighbours at the same times; times, neighbours."""
    t2m = observations[observations["variable"] == "t2m"]
    places = t2m.drop_duplicates("station").set_index("station")
    top = places.loc[LU_SHAN]
    north = (places["latitude"] - top["latitude"]) * 111.2
    east = (places["longitude"] - top["longitude"]) * 111.2 * np.cos(np.deg2rad(top["latitude"]))
    below = places[(np.hypot(north, east) < NEAR) & (places["elevation"] < LOW)]
    by_time = t2m.pivot_table(index="time", columns="station", values="value")
    both = by_time[[LU_SHAN, *below.index]].dropna()
    climb = (top["elevation"] - below["elevation"].mean()) / 1000.0
    rate = (both[LU_SHAN] - both[below.index].mean(axis=1)).mean() / climb
    return float(rate), len(both), len(below)


def test_lu_shan_is_colder_by_four_kelvin_a_kilometre_in_winter_and_not_by_six_and_a_half(shared_data: Path) -> None:
    rate, times, neighbours = lapse_rate(
        usable(quality_control(read_observations(str(shared_data / "stations/isd_lite_2021"))))
    )
    assert times > 500
    assert neighbours >= 3
    assert -4.3 < rate < -3.5
