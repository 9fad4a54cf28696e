"""What amounts cover, by every kind of evidence; what is made of a series are sums of the hours it was made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr

from tasks.errors import BadInput, MixedCycles, UnreadableFile
from tasks.prepare import say_intervals
from tasks.prepare.amounts import parse_rule
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import scanned
from tasks.prepare.fields import Since

START = np.datetime64("2026-05-30T00", "ns")
LAT, LON = np.arange(35.0, 33.0, -0.25), np.arange(110.0, 112.5, 0.25)
HOURS = 48


@pytest.fixture(scope="module")
def hourly() -> np.ndarray:
    """Rain of single hours in m (hour, latitude, longitude), the first ends at 01 UTC: showers that come and go."""
    rng = np.random.default_rng(21)
    return (rng.gamma(0.4, 2e-3, (HOURS, len(LAT), len(LON)))).astype(np.float32)


def since(hourly: np.ndarray, every: int) -> np.ndarray:
    """Sums that start anew after so many hours."""
    parts = [hourly[i : i + every].cumsum(axis=0) for i in range(0, len(hourly), every)]
    return np.concatenate(parts)


def written(tmp_path, values: np.ndarray, hours: list[int], name: str = "tp", lat=LAT, lon=LON, **attrs: str):
    """A series at some hours after the start, of which `values` has all; (data set to change, path)."""
    at = [h - 1 for h in hours]
    field = xr.DataArray(values[at], dims=("time", "latitude", "longitude"), attrs={"units": "m"} | attrs)
    times = START + np.array(hours) * np.timedelta64(1, "h")
    coords = {"time": times, "latitude": lat, "longitude": lon}
    return xr.Dataset({name: field}, coords=coords), tmp_path / "rain.nc"


def read(ds: xr.Dataset, path, rule: str | None = None) -> tuple[Assembled, xr.Dataset]:
    ds.to_netcdf(path)
    with scanned([path], {"tp"}) as scan:
        assembled = assemble(scan, lambda grid: grid, ["tp"], [], parse_rule(rule))
        return assembled, assembled.load()


def bounds(fields: xr.Dataset) -> list[list[int]]:
    """In hours after START."""
    times = fields["time"].values + fields["step_bounds"].values
    return ((times - START) / np.timedelta64(1, "h")).astype(int).tolist()


def test_era5_every_sixth_hour_is_of_one_hour(tmp_path, hourly) -> None:
    hours = [6, 12, 18, 24, 30, 36]
    ds, path = written(tmp_path, hourly, hours)
    assembled, fields = read(ds.assign_attrs(history="reanalysis-era5-single-levels"), path)
    assert bounds(fields) == [[h - 1, h] for h in hours]
    np.testing.assert_allclose(fields.tp, hourly[[h - 1 for h in hours]], rtol=1e-6)
    assert "one hour" in assembled.covered["tp"].evidence


def test_the_log_says_by_what_rain_has_its_intervals(tmp_path, hourly, caplog) -> None:
    hours = [6, 12, 18, 24, 30, 36]
    ds, path = written(tmp_path, hourly, hours)
    with caplog.at_level("INFO", "tasks.prepare"):
        say_intervals(read(ds.assign_attrs(history="reanalysis-era5-single-levels"), path)[0])
        whole = read(ds, tmp_path / "other.nc", "6h")[0]
        say_intervals(whole)
        say_intervals(replace(whole, covered={}))
    first, second = caplog.messages
    assert first.startswith("rain's intervals are by ERA5")
    assert second == "rain's intervals are by --rain-interval 6h"


@pytest.mark.parametrize("hours", [list(range(1, 49)), list(range(1, 13)), [3, 6, 9, 12, 15, 18, 21, 24, 27]])
def test_sums_since_midnight_are_taken_apart(tmp_path, hourly, hours) -> None:
    """ERA5-Land, by its grid."""
    fine = {"lat": np.round(35 - np.arange(len(LAT)) * 0.1, 6), "lon": np.round(110 + np.arange(len(LON)) * 0.1, 6)}
    ds, path = written(tmp_path, since(hourly, 24), hours, **fine)
    _, fields = read(ds.assign_attrs(history="reanalysis-era5-land"), path)
    starts = [0, *hours[:-1]]
    assert bounds(fields) == [[a, b] for a, b in zip(starts, hours, strict=True)]
    expected = [hourly[a:b].sum(axis=0) for a, b in zip(starts, hours, strict=True)]
    np.testing.assert_allclose(fields.tp, expected, atol=2e-8)


def test_sums_since_midnight_show_on_any_grid(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, since(hourly, 24), list(range(1, 13)))
    _, fields = read(ds.assign_attrs(history="reanalysis-era5"), path)
    assert bounds(fields)[5] == [5, 6]


def test_series_that_only_rises_is_a_sum_since_its_first_time(tmp_path, hourly) -> None:
    """What fell before that time nobody knows; it is left out."""
    hours = [6, 12, 18, 24, 30, 36]
    _, fields = read(*written(tmp_path, since(hourly, 48), hours))
    assert bounds(fields) == [[6, 6], [6, 12], [12, 18], [18, 24], [24, 30], [30, 36]]
    assert float(fields.tp[0].max()) == 0.0
    np.testing.assert_allclose(fields.tp[1], hourly[6:12].sum(axis=0), atol=2e-8)


def test_series_that_regularly_starts_anew_is_taken_apart(tmp_path, hourly) -> None:
    """As forecasts of twelve hours joined one after the other."""
    _, fields = read(*written(tmp_path, since(hourly, 12), list(range(1, 49))))
    assert bounds(fields) == [[h, h + 1] for h in range(48)]
    np.testing.assert_allclose(fields.tp, hourly, atol=2e-8)


@pytest.mark.parametrize("hours", [[6, 12, 18, 24, 30], [24], [1, 2]])
def test_series_that_shows_nothing_has_no_bounds(tmp_path, hourly, hours, caplog) -> None:
    ds, path = written(tmp_path, hourly, hours)
    _, fields = read(ds, path)
    assert "step_bounds" not in fields
    assert "nothing says which time an amount of tp covers" in caplog.text
    assert "--rain-interval" in caplog.text
    np.testing.assert_allclose(fields.tp, hourly[[h - 1 for h in hours]], rtol=1e-6)
    for rule, first in (("6h", -6), ("1h", -1)):  # the remedy
        assert bounds(read(ds, path, rule)[1])[0] == [hours[0] + first, hours[0]]


@pytest.mark.parametrize("text", ["", "h", "0h", "6", "1d", "yesterday", "-3h", "nanh"])
def test_rules_that_are_none_are_refused(text) -> None:
    with pytest.raises(BadInput, match="--rain-interval"):
        parse_rule(text)


def test_rules_are_read() -> None:
    assert parse_rule(None) is None
    assert (parse_rule("6h").hours, parse_rule("1.5h").hours) == (6, 1.5)
    assert parse_rule("start").since is Since.START


def test_bounds_of_cf_are_read(tmp_path, hourly) -> None:
    hours = [6, 12, 18]
    ds, path = written(tmp_path, hourly, hours, cell_methods="time: sum")
    times = ds["time"].values
    ds["time_bnds"] = (("time", "bnds"), np.stack([times - np.timedelta64(3, "h"), times], axis=1))
    ds["time"].attrs["bounds"] = "time_bnds"
    assembled, fields = read(ds, path)
    assert bounds(fields) == [[3, 6], [9, 12], [15, 18]]
    assert "bounds" in assembled.covered["tp"].evidence


def test_bounds_since_one_start_are_sums(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, since(hourly, 48), [6, 12])
    ds["time_bnds"] = (("time", "bnds"), np.stack([np.full(2, START), ds["time"].values], axis=1))
    ds["time"].attrs["bounds"] = "time_bnds"
    _, fields = read(ds, path)
    assert bounds(fields) == [[0, 6], [6, 12]]
    np.testing.assert_allclose(fields.tp[1], hourly[6:12].sum(axis=0), atol=2e-8)


@pytest.mark.parametrize("units", ["kg m-2 s-1", "mm/h", "mm day-1", "m s**-1"])
def test_rates_become_amounts_over_their_bounds(tmp_path, hourly, units) -> None:
    """As CMIP's pr."""
    per_second = {"kg m-2 s-1": 1e3, "mm/h": 3.6e6, "mm day-1": 8.64e7, "m s**-1": 1.0}[units]
    ds, path = written(tmp_path, hourly / 3600 * per_second, [6, 12], "pr", units=units, cell_methods="time: mean")
    times = ds["time"].values
    ds["time_bnds"] = (("time", "bnds"), np.stack([times - np.timedelta64(3, "h"), times], axis=1))
    ds["time"].attrs["bounds"] = "time_bnds"
    _, fields = read(ds, path)
    np.testing.assert_allclose(fields.tp, 3 * hourly[[5, 11]], rtol=1e-5)


def test_rate_without_an_interval_is_refused_and_the_remedy_works(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, hourly / 3600 * 1e3, [6, 12], "pr", units="kg m-2 s-1")
    with pytest.raises(UnreadableFile, match=r"rain\.nc pr at .*tp is a rate.*--rain-interval"):
        read(ds, path)
    np.testing.assert_allclose(read(ds, path, "6h")[1].tp, 6 * hourly[[5, 11]], rtol=1e-5)


def test_means_of_months_become_their_sums(tmp_path) -> None:
    months = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], dtype="datetime64[ns]")
    rate = np.full((3, len(LAT), len(LON)), 2e-3, dtype=np.float32)
    field = xr.DataArray(rate, dims=("time", "latitude", "longitude"), attrs={"units": "m"})
    ds = xr.Dataset({"tp": field}, {"time": months, "latitude": LAT, "longitude": LON})
    _, fields = read(ds.assign_attrs(history="reanalysis-era5-single-levels-monthly-means"), tmp_path / "rain.nc")
    np.testing.assert_allclose(fields.tp[:, 0, 0], [0.062, 0.058, 0.062], rtol=1e-6)
    ends = fields["time"].values + fields["step_bounds"].values[:, 1]
    np.testing.assert_array_equal(ends, np.array(["2020-02-01", "2020-03-01", "2020-04-01"], dtype="datetime64[ns]"))


def test_name_says_the_hours(tmp_path, hourly) -> None:
    """As WeatherBench 2 names them."""
    _, fields = read(*written(tmp_path, hourly, [6, 12], "total_precipitation_6hr"))
    assert bounds(fields) == [[0, 6], [6, 12]]


def forecast(values: np.ndarray, leads: list[int], *, reference: bool) -> xr.Dataset:
    """Lead times in the way of the Climate Data Store, or a valid time with the start beside it, as CF has it."""
    dims = ("forecast_period", "latitude", "longitude") if not reference else ("time", "latitude", "longitude")
    field = xr.DataArray(values[[h - 1 for h in leads]], dims=dims, attrs={"units": "m"})
    ds = xr.Dataset({"tp": field}, {"latitude": LAT, "longitude": LON})
    start = {"forecast_reference_time": ((), START, {"standard_name": "forecast_reference_time"})}
    if reference:
        times = START + np.array(leads) * np.timedelta64(1, "h")
        return ds.assign_coords(start | {"time": ("time", times, {"standard_name": "time"})})
    steps = np.array(leads) * np.timedelta64(1, "h").astype("timedelta64[ns]")
    return ds.assign_coords(start | {"forecast_period": ("forecast_period", steps)})


@pytest.mark.parametrize("reference", [True, False])
def test_lead_times_with_values_that_rise_are_sums_since_the_start(tmp_path, hourly, reference) -> None:
    assembled, fields = read(forecast(since(hourly, 48), [6, 12, 18], reference=reference), tmp_path / "rain.nc")
    assert bounds(fields) == [[0, 6], [6, 12], [12, 18]]
    np.testing.assert_allclose(fields.tp[2], hourly[12:18].sum(axis=0), atol=2e-8)
    assert (assembled.init, assembled.analysis) == (datetime(2026, 5, 30, tzinfo=UTC), False)


def test_lead_times_with_values_that_fall_are_amounts_of_each(tmp_path, hourly) -> None:
    _, fields = read(forecast(hourly, [6, 12, 18], reference=False), tmp_path / "rain.nc")
    assert bounds(fields) == [[0, 6], [6, 12], [12, 18]]
    np.testing.assert_allclose(fields.tp, hourly[[5, 11, 17]], rtol=1e-6)


def test_short_forecasts_of_era5_side_by_side_are_a_series(tmp_path, hourly) -> None:
    """As cfgrib opens them: starts at 06 and 18 UTC by lead times of 1 to 12 h, of which not every pair is there."""
    values = np.full((2, 12, len(LAT), len(LON)), np.nan, dtype=np.float32)
    values[0, 6:], values[1, :6] = hourly[:6], hourly[6:12]  # 18 UTC + 7..12 h, 06 UTC + 1..6 h
    coords = {
        "time": np.array(["2026-05-29T18", "2026-05-30T06"], dtype="datetime64[ns]"),
        "step": np.arange(1, 13) * np.timedelta64(1, "h").astype("timedelta64[ns]"),
        "latitude": LAT,
        "longitude": LON,
    }
    ds = xr.Dataset({"tp": (("time", "step", "latitude", "longitude"), values, {"units": "m"})}, coords)
    assembled, fields = read(ds, tmp_path / "rain.nc")
    assert bounds(fields) == [[h, h + 1] for h in range(12)]
    np.testing.assert_allclose(fields.tp, hourly[:12], rtol=1e-6)
    assert assembled.analysis
    assert assembled.valid_times[0] == datetime(2026, 5, 30, 1, tzinfo=UTC)
    assert timedelta(hours=11) == assembled.valid_times[-1] - assembled.valid_times[0]


def test_one_sum_alone_and_uneven_ones_have_no_bounds(tmp_path, hourly) -> None:
    """cell_methods say sum, and nothing says since when."""
    for hours in ([24], [1, 2, 8]):
        ds, path = written(tmp_path, hourly, hours, cell_methods="time: sum")
        _, fields = read(ds, path)
        assert "step_bounds" not in fields
        np.testing.assert_allclose(fields.tp, hourly[[h - 1 for h in hours]], rtol=1e-6)


def test_half_hours_that_only_rise_begin_at_their_first_time(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, since(hourly, 48) + np.float32(0.5), list(range(1, 9)))
    ds = ds.assign_coords(time=ds.time + np.timedelta64(30, "m"))
    _, fields = read(ds, path)
    assert float(fields.tp[0].max()) == 0.0, "what fell before nobody knows"
    np.testing.assert_allclose(fields.tp[1], hourly[1], atol=2e-7)


def test_forecast_that_is_cut_does_not_begin_with_a_sum_since_the_start(tmp_path, hourly) -> None:
    """As dynamical.org's lead times 30 to 32 h, each of one hour."""
    ds = forecast(hourly, [30, 31, 32], reference=False)
    ds.tp.attrs["step_type"] = "avg"
    assert bounds(read(ds, tmp_path / "rain.nc")[1]) == [[29, 30], [30, 31], [31, 32]]


def test_amounts_of_a_forecast_that_dries_up_are_no_sum(tmp_path, hourly) -> None:
    values = np.where(np.arange(HOURS)[:, None, None] % 12 == 5, hourly + np.float32(1e-3), 0).astype(np.float32)
    _, fields = read(forecast(values, list(range(1, 13)), reference=False), tmp_path / "rain.nc")
    assert bounds(fields) == [[h, h + 1] for h in range(12)]


@pytest.mark.parametrize("history", ["NCEP reanalysis", "bias-adjusted reanalysis W5E5", "monthly totals"])
def test_what_is_not_era5_is_not_taken_for_it(tmp_path, hourly, history) -> None:
    ds, path = written(tmp_path, hourly, [24, 48])
    assert "step_bounds" not in read(ds.assign_attrs(history=history), path)[1]


def test_era5_day_by_day_may_be_anything(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, hourly, [24, 48])
    assert "step_bounds" not in read(ds.assign_attrs(history="reanalysis-era5-single-levels"), path)[1]


@pytest.mark.parametrize(
    ("units", "six"), [("h", 6), ("hr", 6), ("hour", 6), ("s", 21600), ("minutes", 360), ("d", 0.25)]
)
def test_lead_times_in_every_unit(tmp_path, hourly, units, six) -> None:
    ds = forecast(since(hourly, 48), [6, 12], reference=False)
    steps = ("forecast_period", np.array([1, 2]) * six, {"units": units, "standard_name": "forecast_period"})
    assert bounds(read(ds.assign_coords(forecast_period=steps), tmp_path / "rain.nc")[1]) == [[0, 6], [6, 12]]


def test_rates_since_one_start_are_taken_apart(tmp_path, hourly) -> None:
    """Means over 0-1, 0-2, 0-3 h: amounts first, then what lies between."""
    means = hourly[:3].cumsum(axis=0) / np.arange(1, 4)[:, None, None] / 3600 * 1e3
    ds, path = written(tmp_path, means.astype(np.float32), [1, 2, 3], "pr", units="kg m-2 s-1")
    ds["time_bnds"] = (("time", "bnds"), np.stack([np.full(3, START), ds["time"].values], axis=1))
    ds["time"].attrs["bounds"] = "time_bnds"
    _, fields = read(ds, path)
    assert bounds(fields) == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(fields.tp, hourly[:3], rtol=1e-4, atol=1e-8)


def test_rate_of_a_calendar_without_29_february_is_of_its_own_days(tmp_path, hourly) -> None:
    rate = np.full((3, len(LAT), len(LON)), 10.0, np.float32)
    units = {"units": "days since 2020-02-27", "calendar": "noleap", "bounds": "time_bnds"}
    ds = xr.Dataset(
        {
            "pr": (("time", "latitude", "longitude"), rate, {"units": "mm/day"}),
            "time_bnds": (("time", "bnds"), np.array([[0.0, 1], [1, 2], [2, 3]])),
        },
        {"time": ("time", np.array([1.0, 2, 3]), units), "latitude": LAT, "longitude": LON},
    )
    np.testing.assert_allclose(read(ds, tmp_path / "rain.nc")[1].tp, 0.01, rtol=1e-6)


@pytest.mark.parametrize("rule", ["step", "start"])
def test_one_time_alone_has_none_before_it(tmp_path, hourly, rule) -> None:
    ds, path = written(tmp_path, hourly, [24])
    with pytest.raises(BadInput, match=f"--rain-interval {rule}: one time alone has none before it; give hours"):
        read(ds, path, rule)
    assert bounds(read(ds, path, "6h")[1]) == [[18, 24]], "the remedy"


def test_series_beside_a_forecast_is_no_forecast(tmp_path, hourly) -> None:
    """6-hourly rain of a time axis, handed in with temperatures that have lead times."""
    ds, path = written(tmp_path, hourly.cumsum(axis=0), [6, 12])
    ds.to_netcdf(path)
    states = forecast(hourly + 280, [6, 12], reference=False).rename(tp="t2m")
    states.t2m.attrs["units"] = "K"
    states.to_netcdf(tmp_path / "states.nc")
    with scanned([path, tmp_path / "states.nc"], {"tp", "t2m"}) as scan:
        fields = assemble(scan, lambda grid: grid, ["t2m", "tp"], []).load()
    assert "step_bounds" not in fields
    np.testing.assert_allclose(fields.tp[1], hourly[:12].sum(axis=0), rtol=1e-5)


def test_starts_at_06_and_18_utc_alone_are_not_era5(tmp_path, hourly) -> None:
    """Two runs of IFS at + 6 h, each time with its own start."""
    times = np.array(["2026-05-30T12", "2026-05-31T00"], dtype="datetime64[ns]")
    starts = ("time", times - 6 * np.timedelta64(1, "h"), {"standard_name": "forecast_reference_time"})
    ds = xr.Dataset({"tp": (("time", "latitude", "longitude"), hourly[:2], {"units": "m"})}, {"time": times})
    ds = ds.assign_coords(latitude=LAT, longitude=LON, forecast_reference_time=starts)
    with pytest.raises(MixedCycles, match="2 cycles in one file"):
        read(ds, tmp_path / "rain.nc")


def test_mean_over_days_of_their_sums_is_no_sum_of_a_month(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, hourly, [1, 2], cell_methods="time: sum within days time: mean over days")
    assert "step_bounds" not in read(ds, path)[1]


def test_of_two_lengths_the_shorter_is_read(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, hourly, [24, 30], "tp_24hr")
    ds["tp_6hr"] = ds.tp_24hr / 4
    assembled, fields = read(ds.assign_attrs(), path)
    assert bounds(fields) == [[18, 24], [24, 30]]
    assert assembled.others == ["tp_24hr"]


def test_interval_without_length_stays_one(tmp_path, hourly) -> None:
    """As our own files begin, whose first sum nobody knows."""
    ds, path = written(tmp_path, hourly, [1, 2], cell_methods="time: sum")
    times = ds["time"].values
    ds["time_bnds"] = (("time", "bnds"), np.stack([times[[0, 0]], times], axis=1))
    ds["time"].attrs["bounds"] = "time_bnds"
    assert bounds(read(ds, path)[1])[0] == [1, 1]


def test_rate_of_a_file_that_does_not_say_when_is_refused(tmp_path, hourly) -> None:
    ds, path = written(tmp_path, hourly, [1], "pr", units="mm/h")
    with pytest.raises(UnreadableFile, match="tp is a rate"):
        read(ds.isel(time=0).drop_vars("time"), path)
