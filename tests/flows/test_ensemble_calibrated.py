"""An ensemble that stations have corrected: its middle, how wide it is, what is learned of it. No station ever was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product as product_of_all
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tasks.calibrate.rolling import rolling
from tasks.handover.cycle import Cycle
from tasks.store.paths import history_uri
from tests.flows.conftest import CommandLine
from tests.flows.ensembles import Run, product_of
from tests.invented_month import put
from tests.servers.opendata import OpenData

Groups = dict[str | None, xr.Dataset]


def groups_of(uri: Path) -> Groups:
    """Of a product; without a name, itself."""
    there = [g for g in ("ensemble", "calibration") if (uri / g).exists()]
    return {g: xr.open_zarr(uri, group=g).load() for g in (None, *there)}


PLACES = pd.DataFrame({
    "station": [f"s{i}" for i in range(60)], "latitude": np.linspace(29.7, 31.5, 60),
    "longitude": 111.1 + 3.8 * np.modf(np.arange(60) * 0.61803)[0], "elevation": np.linspace(20.0, 1200.0, 60),
})  # fmt: skip


def past(cycle: datetime, days: int = 30, stations: int = 60) -> pd.DataFrame:
    """A month of an ensemble to 12 h that was half as wide as its errors; t2m 1.5 K too cold, wind 1 m/s strong."""
    rng, parts = np.random.default_rng(1), []
    places = PLACES.head(stations)
    for day in range(days, 0, -1):
        begun = cycle.replace(tzinfo=None) - timedelta(days=day)
        for hours, (name, level, error) in product_of_all((0.0, 6.0, 12.0), ERRORS):
            spread = np.exp(rng.uniform(np.log(0.5), np.log(2.0), len(places))) * level / 281
            forecast = level * (1 + 0.01 * np.cos(2.4 * day)) + rng.normal(0, 0.3, len(places))
            truth = forecast - error + 2 * spread * rng.normal(size=len(places))
            parts.append(places.assign(
                land=1.0, time=pd.Timestamp(begun + timedelta(hours=hours)), lead_hours=hours, variable=name,
                forecast=forecast, simple=np.nan, observed=np.maximum(truth, 0.0), spread=spread,
            ))  # fmt: skip
    return rolling(pd.concat(parts, ignore_index=True))


ERRORS = [("t2m", 281.0, -1.5), ("wind_speed", 6.0, 1.0)]


@pytest.fixture
def widened(made: Path, run: Run, mirror: OpenData, tmp_path: Path) -> tuple[Groups, Groups]:
    """A product as its members say, and after what a month of runs has taught."""
    before = groups_of(product_of(made))
    begun = datetime.fromisoformat(str(before[None]["time"].values)[:19]).replace(tzinfo=UTC)
    put(tmp_path / "s", past(begun), "ens")
    result = run("--force")
    assert result.exit_code == 0, result.stderr
    (uri,) = (tmp_path / "s").glob("hubei/ens/*/*/*-r2.zarr")
    return before, groups_of(uri)


def test_past_runs_move_the_ensemble_and_say_how_wide_its_ranges_are(
    widened: tuple[Groups, Groups], finescale: CommandLine, tmp_path: Path
) -> None:
    before, after = widened
    said, moved, taught = before["ensemble"], after["ensemble"], after["calibration"]
    assert after[None].attrs["finescale_calibrated"] == "t2m wind_speed"
    assert taught.attrs["ensemble"] == "t2m wind_speed"
    added = (after[None]["t2m"] - before[None]["t2m"]).values
    assert 1.2 < added.mean() < 1.8
    assert np.abs(added - added.mean()).max() < 0.8, "of one error everywhere little varies"
    ratio = moved["t2m_spread"].values / said["t2m_spread"].values
    assert 1.8 < ratio.mean() < 2.2, "members said half of it"
    middle = moved["t2m_quantiles"].sel(quantile=0.5).values
    np.testing.assert_allclose(middle, after[None]["t2m"].values, atol=0.15 * float(moved["t2m_spread"].max()))
    share = (moved["t2m_quantiles"].sel(quantile=[0.1, 0.9]) < 281.15).values
    cold = moved["t2m_below_8"].values
    assert cold[share[0] & ~share[1]].min() >= 9.5
    assert cold[share[0] & ~share[1]].max() <= 90.5
    assert cold[~share[0]].max() <= 10.5, "chances are those of the ranges"
    for name in ("tp_quantiles", "tp_12h_above_0p1"):
        assert moved[name].values.tobytes() == said[name].values.tobytes(), "nothing is known of these"
    winds = [groups["ensemble"]["wind_speed_quantiles"].sel(quantile=0.5).values for groups in (before, after)]
    strong = winds[0] > 2
    assert -1.2 < (winds[1] - winds[0])[strong].mean() < -0.6
    np.testing.assert_allclose(winds[1] - taught["wind_speed"].values, winds[0], atol=0.02)
    assert (np.diff(moved["wind_speed_quantiles"].values, axis=0) >= 0).all()
    assert moved["wind_speed_quantiles"].values.min() >= 0
    np.testing.assert_array_equal(after[None]["u10"].values, before[None]["u10"].values)
    assert finescale("maintain", "hubei", "--store", tmp_path / "s").exit_code == 0
    table = finescale("point", "hubei", "--lat", "30.6", "--lon", "114.3", "--store", tmp_path / "s").stdout
    assert "as 4 members, and of t2m, wind_speed the errors of past runs say" in table


def test_the_history_of_a_calibrated_ensemble_is_of_what_its_members_said(
    widened: tuple[Groups, Groups], finescale: CommandLine, tmp_path: Path
) -> None:
    before, after = widened
    rows = ["station,network,latitude,longitude,elevation,time,variable,period,value,quality"]
    for one in PLACES.itertuples():
        at = f"{one.station},synop,{one.latitude:.4f},{one.longitude:.4f},{one.elevation:.1f}"
        for time in after[None]["valid_time"].values[1:]:
            rows += [f"{at},{str(time)[:19]}Z,{name},0,{value}," for name, value in (("t2m", 280), ("wind_speed", 5))]
    (tmp_path / "stations.csv").write_text("\n".join(rows) + "\n")
    begun = datetime.fromisoformat(str(before[None]["time"].values)[:19]).replace(tzinfo=UTC)
    result = finescale(
        "calibrate", "hubei", "--source", "ens", "--products", tmp_path / "s", "--store", tmp_path / "s",
        "--observations", tmp_path / "stations.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    kept = pd.read_parquet(history_uri(str(tmp_path / "s"), "hubei", Cycle(source="ens", time=begun)))
    assert len(kept) > 200
    said, raw = before["ensemble"], before["ensemble"]["wind_speed_quantiles"].sel(quantile=0.5)
    for row in kept.itertuples():
        at = {"latitude": row.latitude, "longitude": row.longitude}
        step = int(np.flatnonzero(before[None]["valid_time"].values == np.datetime64(row.time))[0])
        spread = float(said[f"{row.variable}_spread"][step].sel(at, method="nearest"))
        assert row.spread == pytest.approx(spread, rel=0.03), row
        if row.variable == "wind_speed":
            assert row.forecast == pytest.approx(float(raw[step].interp(at)), abs=0.03)


def test_days_and_variables_that_past_runs_do_not_know_stay_as_members_say(
    made: Path, run: Run, mirror: OpenData, tmp_path: Path
) -> None:
    before = xr.open_zarr(product_of(made), group="ensemble").load()
    begun = datetime.fromisoformat(str(before["time"].values)[:19]).replace(tzinfo=UTC)
    known = past(begun)
    put(tmp_path / "s", known[(known["variable"] == "t2m")].assign(spread=np.nan), "ens")
    assert run("--force").exit_code == 0
    (uri,) = (tmp_path / "s").glob("hubei/ens/*/*/*-r2.zarr")
    after = xr.open_zarr(uri, group="ensemble")
    for name in before.data_vars:
        assert after[name].values.tobytes() == before[name].values.tobytes(), name
    assert "finescale_calibrated" not in xr.open_zarr(uri).attrs or not xr.open_zarr(uri).attrs["finescale_calibrated"]
