"""Pairs: every variable is compared as the docs say, with the right lead time, height and period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from models.constants import STANDARD_LAPSE_RATE
from tasks.errors import BadInput
from tasks.grids.grid import Grid
from tasks.grids.gridded import Gridded
from tasks.observations.amounts import with_sums
from tasks.observations.matching import pairs
from tasks.observations.networks.table import reject, table

START = np.datetime64("2026-11-20T00", "ns")
FINE, COARSE = Grid(33.0, 110.0, 0.05, 0.05, 61, 81), Grid(33.5, 109.5, 0.25, 0.25, 17, 21)
STEPS = np.arange(3, 27, 3)


def gridded(grid: Grid, *, rate: float = STANDARD_LAPSE_RATE, height: bool = True) -> Gridded:
    """Fields that are linear in latitude, longitude and lead time, and in height."""
    lat, lon = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    z = 400.0 + 300.0 * np.sin(lat * 4) * np.cos(lon * 4)
    plane = (lat - 30.0) + 0.5 * (lon - 110.0)
    hours = STEPS[:, None, None].astype(float)
    fields = {
        "t2m": 280.0 + plane + hours / 10 + rate * z, "d2m": 270.0 + plane + hours / 10,
        "sp": 101325.0 * np.exp(-9.80665 * z / (287.05 * 288.15)) + 0 * hours, "msl": 101325.0 + plane + hours,
        "u10": 4.0 + plane + 0 * hours, "v10": -3.0 + 0 * plane + 0 * hours, "tp": 0.001 * hours / 3 + 0 * plane,
    }  # fmt: skip
    step = STEPS.astype("timedelta64[h]").astype("timedelta64[ns]")
    bounds = np.stack([step - np.timedelta64(3, "h"), step], axis=1)
    dims = ("step", "latitude", "longitude")
    ds = xr.Dataset(
        {n: (dims, v) for n, v in fields.items()} | {"step_bounds": (("step", "b"), bounds)},
        {"step": step, "latitude": grid.latitude, "longitude": grid.longitude, "time": START,
         "valid_time": ("step", START + step)},
    )  # fmt: skip
    return Gridded(ds, grid, z if height else None)


def seen(
    variable: str, value: float, hour: int = 6, *, period: float = 0.0, station: str = "A", **place: float
) -> dict:
    where = {"latitude": 31.22, "longitude": 112.38, "elevation": 500.0} | place
    time = pd.Timestamp(START) + pd.Timedelta(hours=hour)
    row = {"station": station, "network": "synop", "time": time, "variable": variable, "period": period}
    return row | where | {"value": value, "quality": ""}


def matched(*rows: dict, product: Gridded | None = None, coarse: Gridded | None = None) -> pd.DataFrame:
    return pairs(product or gridded(FINE), coarse or gridded(COARSE), table(pd.DataFrame(list(rows))))


def plane(lat: float = 31.22, lon: float = 112.38) -> float:
    return (lat - 30.0) + 0.5 * (lon - 110.0)


def test_temperature_brought_to_the_stations_height_is_the_truth_where_the_rate_is_right() -> None:
    row = matched(seen("t2m", 280.0)).iloc[0]
    truth = 280.0 + plane() + 0.6 + STANDARD_LAPSE_RATE * 500.0
    for field in ("product", "input"):
        assert row[f"{field}_bilinear_standard"] == pytest.approx(truth, abs=1e-3)
    assert abs(row["product_bilinear_none"] - truth) > 0.1
    assert row["lead_hours"] == 6.0


def test_a_fields_own_lapse_rate_is_used_where_it_is_asked_for() -> None:
    inversion = gridded(FINE, rate=3e-3)
    row = matched(seen("t2m", 280.0), product=inversion).iloc[0]
    truth = 280.0 + plane() + 0.6 + 3e-3 * 500.0
    # the window's trend is not only of height: nearer than the standard rate is what can be asked
    assert abs(row["product_bilinear_own"] - truth) < 0.5 * abs(row["product_bilinear_standard"] - truth)


def test_pressure_is_brought_to_height_by_hydrostatic_balance() -> None:
    row = matched(seen("sp", 95000.0), seen("t2m", 280.0)).set_index("variable").loc["sp"]
    truth = 101325.0 * np.exp(-9.80665 * 500.0 / (287.05 * 288.15))
    assert row["product_bilinear_standard"] == pytest.approx(truth, abs=80)
    assert abs(row["product_bilinear_none"] - truth) > 300
    assert "product_bilinear_own" not in row.dropna()


def test_height_above_the_terrain_is_that_of_the_product() -> None:
    product = gridded(FINE)
    assert product.height is not None
    z = xr.DataArray(product.height, {"y": FINE.latitude, "x": FINE.longitude}, ("y", "x")).interp(y=31.22, x=112.38)
    assert matched(seen("d2m", 275.0)).iloc[0]["above"] == pytest.approx(500.0 - float(z), abs=1e-3)


def test_without_terrain_or_elevation_nothing_is_brought_to_height() -> None:
    flat = matched(seen("t2m", 280.0), product=gridded(FINE, height=False), coarse=gridded(COARSE, height=False))
    assert "product_bilinear_standard" not in flat
    assert np.isfinite(flat.iloc[0]["product_bilinear_none"])
    unknown = matched(seen("t2m", 280.0, elevation=np.nan)).iloc[0]
    assert np.isnan(unknown["product_bilinear_standard"])
    assert np.isnan(unknown["above"])


def test_wind_is_compared_as_speed_direction_and_vector() -> None:
    found = matched(seen("wind_speed", 5.0), seen("wind_direction", 270.0)).set_index("variable")
    u, v = 4.0 + plane(), -3.0
    assert found.loc["wind_speed", "product_bilinear_none"] == pytest.approx(np.hypot(u, v), rel=1e-5)
    direction = (270.0 - np.rad2deg(np.arctan2(v, u))) % 360.0
    assert found.loc["wind_direction", "product_bilinear_none"] == pytest.approx(direction, rel=1e-5)
    assert found.loc["wind_direction", "observed"] == 270.0
    # 270 degrees is wind from the west: u = 5, v = 0
    assert found.loc["wind_vector", "product_bilinear_none"] == pytest.approx(np.hypot(u - 5.0, v), rel=1e-5)
    assert found.loc["wind_vector", "observed"] == 0.0


def test_calm_has_a_vector_but_no_direction_and_weak_wind_no_direction() -> None:
    calm = matched(seen("wind_speed", 0.0))
    assert set(calm["variable"]) == {"wind_speed", "wind_vector"}
    weak = matched(seen("wind_speed", 2.9), seen("wind_direction", 10.0))
    assert set(weak["variable"]) == {"wind_speed", "wind_vector"}
    variable = matched(seen("wind_speed", 4.0))  # without a direction
    assert set(variable["variable"]) == {"wind_speed"}


def test_rain_is_summed_over_the_period_of_the_observation() -> None:
    found = matched(
        seen("tp", 0.003, hour=6, period=6.0), seen("tp", 0.002, hour=12, period=3.0),
        seen("tp", 0.010, hour=12, period=12.0),
    ).set_index(["time", "period"])  # fmt: skip
    values = found["product_bilinear_none"].to_dict()
    at = {h: pd.Timestamp(START) + pd.Timedelta(hours=h) for h in (6, 12)}
    assert values[at[6], 6.0] == pytest.approx(0.001 + 0.002)
    assert values[at[12], 3.0] == pytest.approx(0.004)
    assert values[at[12], 12.0] == pytest.approx(0.001 + 0.002 + 0.003 + 0.004)


def test_rain_over_a_period_that_lead_times_do_not_tile_is_not_compared() -> None:
    assert matched(seen("tp", 0.003, hour=6, period=12.0), seen("tp", 0.001, hour=6, period=1.0)).empty
    holed = gridded(FINE)
    holed = Gridded(holed.fields.isel(step=[0, 1, 3, 4, 5, 6, 7]), FINE, holed.height)  # no +9 h
    found = matched(seen("tp", 0.003, hour=12, period=6.0), seen("tp", 0.003, hour=18, period=6.0), product=holed)
    assert found["lead_hours"].tolist() == [18.0]


def test_only_usable_observations_at_valid_times_inside_the_product_are_paired() -> None:
    rows = table(
        pd.DataFrame(
            [seen("t2m", 280.0), seen("t2m", 281.0, hour=7), seen("t2m", 280.0, station="B", latitude=35.0),
             seen("t2m", 400.0, station="C")]
        )
    )  # fmt: skip
    found = pairs(gridded(FINE), gridded(COARSE), reject(rows, rows["value"] > 335, "outside physical limits"))
    assert found["station"].tolist() == ["A"]
    assert found["observed"].tolist() == [280.0]


def test_without_anything_to_match_there_are_no_pairs() -> None:
    assert pairs(gridded(FINE), None, table([])).empty
    assert matched(seen("t2m", 280.0, hour=100)).empty


def test_without_an_input_only_the_product_is_compared() -> None:
    found = pairs(gridded(FINE), None, table(pd.DataFrame([seen("t2m", 280.0)])))
    assert not [c for c in found if c.startswith("input")]


def test_daily_rain_is_made_of_its_four_parts_and_never_of_fewer() -> None:
    parts = [seen("tp", 0.001 * h, hour=h, period=6.0) for h in (6, 12, 18, 24)]
    whole = with_sums(table(pd.DataFrame(parts)))
    day = whole[whole["period"] == 24.0]
    assert day["value"].tolist() == [pytest.approx(0.060)]
    assert day["time"].tolist() == [pd.Timestamp(START) + pd.Timedelta(hours=24)]
    assert (with_sums(table(pd.DataFrame(parts[:1] + parts[2:])))["period"] == 6.0).all()


def test_six_hours_are_made_of_single_ones_unless_they_were_reported() -> None:
    hours = [seen("tp", 0.001, hour=h, period=1.0) for h in range(1, 13)]
    whole = with_sums(table(pd.DataFrame([*hours, seen("tp", 0.009, hour=12, period=6.0)])))
    six = whole[whole["period"] == 6.0].set_index("time")["value"]
    assert six.tolist() == [pytest.approx(0.006), pytest.approx(0.009)]


def test_rain_without_a_period_is_refused_and_other_values_have_none() -> None:
    with pytest.raises(BadInput, match="tp without `period`"):
        table(pd.DataFrame([seen("tp", 0.005)]))
    assert matched(seen("t2m", 280.0, period=1.0)).iloc[0]["period"] == 0.0


def test_a_direction_that_was_reported_twice_counts_once() -> None:
    rows = [seen("wind_speed", 5.0), seen("wind_direction", 90.0), seen("wind_direction", 270.0, period=1.0)]
    found = matched(*rows)
    assert found.loc[found["variable"] == "wind_direction", "observed"].tolist() == [270.0]
