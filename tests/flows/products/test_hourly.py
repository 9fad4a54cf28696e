"""Hours between lead times: what was given stays, sums add up, nothing new is made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from flows.products.export import export
from flows.products.hourly import hourly
from flows.products.places import Place
from flows.products.point import forecasts
from tasks.errors import BadInput
from tests.flows.conftest import CommandLine
from tests.published import GRID, HOURS, cycle_of, publish

GIVEN = [0.0, 3.0, 6.0, 12.0]
STARTS = np.array([0.0, 0.0, 3.0, 6.0])


def fields(seed: int = 0) -> dict[str, np.ndarray]:
    """(lead times, places)"""
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.5, 1e-3, (4, 50)) * (rng.random((4, 50)) > 0.4)
    rain[0] = 0.0
    return {"t2m": rng.normal(285, 5, (4, 50)), "u10": rng.normal(0, 4, (4, 50)), "tp": rain}


def test_what_is_given_stays_and_states_make_no_new_extreme() -> None:
    raw = fields()
    every, made = hourly(GIVEN, raw, STARTS)
    assert every == [float(h) for h in range(13)]
    for name in ("t2m", "u10"):
        np.testing.assert_allclose(made[name][[0, 3, 6, 12]], raw[name], rtol=1e-12)
        for first, last in ((0, 3), (3, 6), (6, 12)):
            ends = np.sort(made[name][[first, last]], axis=0)
            part = made[name][first : last + 1]
            assert (part >= ends[0] - 1e-9).all()
            assert (part <= ends[1] + 1e-9).all()


def test_sums_keep_their_amounts_and_dry_intervals_stay_dry() -> None:
    raw = fields()["tp"]
    _, made = hourly(GIVEN, {"tp": raw}, STARTS)
    assert (made["tp"] >= 0).all()
    for i, (first, last) in enumerate(((0, 3), (3, 6), (6, 12)), 1):
        np.testing.assert_allclose(made["tp"][first + 1 : last + 1].sum(axis=0), raw[i], atol=1e-15)
        assert (made["tp"][first + 1 : last + 1][:, raw[i] == 0] == 0).all()


def test_a_first_sum_that_begins_before_its_lead_time_gives_its_last_hour() -> None:
    _, made = hourly([3.0, 6.0], {"tp": np.array([[3e-3], [3e-3]])}, np.array([0.0, 3.0]))
    np.testing.assert_allclose(made["tp"], 1e-3)


def test_a_gust_is_the_interval_s_in_each_of_its_hours() -> None:
    _, made = hourly([3.0, 6.0], {"fg10": np.array([[8.0], [12.0]])}, None)
    assert made["fg10"].ravel().tolist() == [8.0, 12.0, 12.0, 12.0]


@pytest.mark.parametrize(
    ("hours", "raw", "what"),
    [
        ([0.0, 12.0], "t2m", "whole hours, 6 apart at most"),
        ([0.0, 0.5], "t2m", "whole hours"),
        ([0.0, 3.0], "tp", "nothing says which time tp covers"),
    ],
)
def test_what_cannot_be_done_is_said(hours: list[float], raw: str, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        hourly(hours, {raw: np.zeros((2, 1))}, None)


def test_one_lead_time_has_no_hours_between(demo_store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", demo_store, "--lat", "31", "--lon", "111.5", "--hourly", "--json")
    found = json.loads(finescale("point", *where).stdout)
    assert (len(found["series"]), found["interpolated"]) == (1, [])


def test_a_file_has_the_hours_that_point_says(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    entry = publish(store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)))
    more: dict[str, Any] = {"store": store, "every_hour": True}
    (common,) = export("hubei", "netcdf", output=str(tmp_path / "common.nc"), units="common", **more)
    (plain,) = export("hubei", "netcdf", output=str(tmp_path / "plain.nc"), **more)
    (said,) = forecasts("hubei", [Place(float(GRID.latitude[3]), float(GRID.longitude[5]))], **more)
    hours = list(range(HOURS[0], HOURS[-1] + 1))
    assert [step.lead_hours for step in said.series] == hours
    with xr.open_dataset(common) as ds, xr.open_dataset(plain) as si, xr.open_zarr(f"{store}/{entry.product}") as given:
        assert (ds.forecast_period / np.timedelta64(1, "h")).values.tolist() == hours
        assert (si.time_bounds[:, 1].values == si.time.values).all()
        assert "interpolated" in si.forecast_period.attrs["comment"]
        for name in said.units:
            there = [step.__pydantic_extra__[name] for step in said.series]
            np.testing.assert_allclose(ds[name][:, 3, 5], there, rtol=1e-3, atol=0.051, err_msg=name)
        np.testing.assert_allclose(si.t2m[:: HOURS[1] - HOURS[0]], given.t2m, rtol=1e-6)
        sums = si.tp[1:].values.reshape(len(HOURS) - 1, -1, *si.tp.shape[1:]).sum(axis=1)
        np.testing.assert_allclose(sums, given.tp[1:], atol=1e-7)


def test_a_part_of_the_lead_times_has_its_hours(tmp_path: Path) -> None:
    publish(str(tmp_path / "store"), cycle_of(datetime(2026, 11, 22, tzinfo=UTC)))
    more: dict[str, Any] = {"store": str(tmp_path / "store"), "every_hour": True}
    lead_hours = ",".join(map(str, HOURS[1:]))
    export("hubei", "netcdf", lead_hours=lead_hours, output=str(tmp_path / "a.nc"), **more)
    with xr.open_dataset(tmp_path / "a.nc") as ds:
        assert (ds.forecast_period / np.timedelta64(1, "h")).values.tolist() == list(range(HOURS[1], HOURS[-1] + 1))
    with pytest.raises(BadInput, match="--hourly goes with netcdf; geotiff has lead times as they are"):
        export("hubei", "geotiff", **more)
