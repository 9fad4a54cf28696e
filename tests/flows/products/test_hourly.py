"""Hours between lead times: what was given stays, sums add up, nothing new is made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from flows.downscale import downscale
from flows.products.export import export
from flows.products.hourly import hourly
from flows.products.places import Place
from flows.products.point import forecasts
from flows.products.sun import cosine_of_zenith, sun_over
from tasks.errors import BadInput
from tests.conftest import write_region
from tests.flows.conftest import CommandLine
from tests.several_leads import write_grib

HOURS = [3, 6, 9]
GIVEN = [0.0, 3.0, 6.0, 12.0]
STARTS = np.array([0.0, 0.0, 3.0, 6.0])


def even(hours: np.ndarray) -> np.ndarray:
    """A sun that always shines alike."""
    return np.ones((len(hours), 1))


def fields(seed: int = 0) -> dict[str, np.ndarray]:
    """(lead times, places)"""
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.5, 1e-3, (4, 50)) * (rng.random((4, 50)) > 0.4)
    rain[0] = 0.0
    return {"t2m": rng.normal(285, 5, (4, 50)), "u10": rng.normal(0, 4, (4, 50)), "tp": rain}


def test_what_is_given_stays_and_states_make_no_new_extreme() -> None:
    raw = fields()
    every, made = hourly(GIVEN, raw, STARTS, even)
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
    _, made = hourly(GIVEN, {"tp": raw}, STARTS, even)
    assert (made["tp"] >= 0).all()
    for i, (first, last) in enumerate(((0, 3), (3, 6), (6, 12)), 1):
        np.testing.assert_allclose(made["tp"][first + 1 : last + 1].sum(axis=0), raw[i], atol=1e-15)
        assert (made["tp"][first + 1 : last + 1][:, raw[i] == 0] == 0).all()


def test_a_first_sum_that_begins_before_its_lead_time_gives_its_last_hour() -> None:
    _, made = hourly([3.0, 6.0], {"tp": np.array([[3e-3], [3e-3]])}, np.array([0.0, 3.0]), even)
    np.testing.assert_allclose(made["tp"], 1e-3)


def test_the_sun_s_radiation_falls_while_it_is_up_and_keeps_its_amount() -> None:
    """Wuhan, 11 December: the sun rises at 7:07 and sets at 17:24 in Beijing time (NOAA's calculator)."""
    start = datetime(2021, 12, 10, 12, tzinfo=UTC)
    sun = sun_over(start, np.array([30.6]), np.array([114.3]))
    given = np.arange(0.0, 25.0, 3.0)
    amounts = np.array([0, 0, 0, 0, 5e5, 4e6, 5e6, 1.5e6, 1e3])[:, None]  # to 20 h, 23 h, ... in Beijing
    every, made = hourly(given.tolist(), {"ssrd": amounts}, np.maximum(given - 3, 0), sun)
    ssrd = made["ssrd"][:, 0]
    for i, hour in enumerate(given[1:], 1):
        assert ssrd[int(hour) - 2 : int(hour) + 1].sum() == pytest.approx(amounts[i, 0], rel=1e-9)
    beijing = {int(20 + h) % 24: value for h, value in zip(every, ssrd, strict=True)}
    assert beijing[7] == 0, "the hour that ends at 7"
    assert 0 < beijing[8] == pytest.approx(5e5), "all that comes from 5 to 8"
    assert beijing[12] > beijing[10] * 1.2, "higher at noon"
    assert 0 < beijing[18] < beijing[17], "and little after sunset's hour"


@pytest.mark.parametrize(
    ("when", "latitude", "longitude", "height"),
    [  # degrees above the horizon by NOAA's solar calculator, without refraction
        ("2021-06-21T04:21", 30.6, 114.3, 82.8),
        ("2021-12-21T04:21", 30.6, 114.3, 36.0),
        ("2026-03-20T12:07", 0.0, 0.0, 89.9),
    ],
)
def test_the_sun_is_where_it_is(when: str, latitude: float, longitude: float, height: float) -> None:
    found = cosine_of_zenith(np.array([when], "datetime64[s]"), np.array([latitude]), np.array([longitude]))
    assert 90 - np.rad2deg(np.arccos(found.item())) == pytest.approx(height, abs=0.4)


def test_a_gust_is_the_interval_s_in_each_of_its_hours() -> None:
    _, made = hourly([3.0, 6.0], {"fg10": np.array([[8.0], [12.0]])}, None, even)
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
        hourly(hours, {raw: np.zeros((2, 1))}, None, even)


def test_one_lead_time_has_no_hours_between(demo_store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", demo_store, "--lat", "31", "--lon", "111.5", "--hourly", "--json")
    found = json.loads(finescale("point", *where).stdout)
    assert (len(found["series"]), found["interpolated"]) == (1, [])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """A store with a product of a small box at 3, 6 and 9 h."""
    folder = tmp_path_factory.mktemp("hourly")
    box = {"north": 31.5, "south": 30.5, "west": 111.0, "east": 112.5}
    names = ["t2m", "d2m", "u10", "v10", "tp"]
    region = write_region(folder / "regions/hubei", box=box, variables=names, required=None, observations=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        downscale(str(region), inputs=[str(write_grib(folder / "several.grib2", HOURS))], store=str(folder / "store"))
    return folder / "store"


def test_a_file_has_the_hours_that_point_says(made: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {"store": str(made), "every_hour": True}
    (common,) = export("hubei", "netcdf", output=str(tmp_path / "common.nc"), units="common", **more)
    (plain,) = export("hubei", "netcdf", output=str(tmp_path / "plain.nc"), **more)
    (said,) = forecasts("hubei", [Place(31.0, 111.5)], **more)
    hours = list(range(HOURS[0], HOURS[-1] + 1))
    assert [step.lead_hours for step in said.series] == hours
    (product,) = made.glob("hubei/file/*/*/*.zarr")
    with xr.open_dataset(common) as ds, xr.open_dataset(plain) as si, xr.open_zarr(product) as given:
        assert (ds.forecast_period / np.timedelta64(1, "h")).values.tolist() == hours
        assert (si.time_bounds[:, 1].values == si.time.values).all()
        assert "interpolated" in si.forecast_period.attrs["comment"]
        assert set(said.units) == {"t2m", "d2m", "tp", "rh", "wind_speed", "wind_direction"}
        for name in said.units:
            there = [step.__pydantic_extra__[name] for step in said.series]
            here = ds[name].sel(latitude=31.0, longitude=111.5, method="nearest")
            np.testing.assert_allclose(
                here, there, rtol=1e-3, atol=0.51 if "direction" in name or name == "rh" else 0.051
            )
        every = HOURS[1] - HOURS[0]
        np.testing.assert_allclose(si.t2m[::every], given.t2m, rtol=1e-6)
        sums = si.tp[1:].values.reshape(len(HOURS) - 1, every, *si.tp.shape[1:]).sum(axis=1)
        np.testing.assert_allclose(sums, given.tp[1:], atol=1e-7)
        assert float(given.tp[1:].max()) > 1e-4, "there is rain to be kept"


def test_a_part_of_the_lead_times_has_its_hours(made: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {"store": str(made), "every_hour": True}
    lead_hours = ",".join(map(str, HOURS[1:]))
    export("hubei", "netcdf", lead_hours=lead_hours, output=str(tmp_path / "a.nc"), **more)
    with xr.open_dataset(tmp_path / "a.nc") as ds:
        assert (ds.forecast_period / np.timedelta64(1, "h")).values.tolist() == list(range(HOURS[1], HOURS[-1] + 1))
    with pytest.raises(BadInput, match="--hourly goes with netcdf and csv-point; geotiff has lead times as they are"):
        export("hubei", "geotiff", **more)
