"""`finescale calibrate`: an archive gone through, what is printed and kept of it, and requests that are wrong."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows.products.calibrate import calibrate_archive
from tasks.errors import BadInput
from tasks.region.search import SEARCH_PATH_VARIABLE
from tasks.store.paths import history_folder
from tests.conftest import DEMO_GRIB, TRUTH, write_region
from tests.flows.conftest import CommandLine
from tests.invented_month import START, month
from tests.published import DEMO_PRODUCT
from tests.truth_stations import truth_at_stations

GIVEN = ["station", "latitude", "longitude", "elevation", "time", "lead_hours", "variable", "forecast", "observed"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, places: pd.DataFrame) -> Path:
    """An archive's table of temperatures and winds."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    month(places, ("t2m", "wind_speed"))[GIVEN].to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def temperatures(tmp_path_factory: pytest.TempPathFactory, places: pd.DataFrame) -> Path:
    """A smaller one."""
    file = tmp_path_factory.mktemp("temperatures") / "pairs.csv"
    month(places.head(30), ("t2m",))[GIVEN].to_csv(file, index=False)
    return file


def cycles(store: Path) -> list[str]:
    return sorted(p.stem for p in Path(history_folder(str(store), "hubei", "demo")).glob("*.parquet"))


def test_a_table_gives_a_table_a_picture_and_the_regions_history(
    pairs: Path, tmp_path: Path, finescale: CommandLine
) -> None:
    picture, store = tmp_path / "gains.png", tmp_path / "store"
    shown = finescale(
        "calibrate", "hubei", "--forecasts", pairs, "--source", "demo", "--store", store, "--picture", picture
    )
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == "3600 pairs at 60 stations, 2021-11-10 20:00:00 to 2021-12-09 20:00:00"
    for name in ("t2m", "wind_speed"):
        assert any(line.split()[:4] == [name, "1", "60", "1620"] and line.split()[-1] == "yes" for line in lines)
    assert "history     30 cycles of hubei" in lines
    assert f"picture     {picture}" in lines
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) > (500, 500)
    assert (len(cycles(store)), cycles(store)[0], cycles(store)[-1]) == (30, "2021-11-10T12", "2021-12-09T12")
    kept = pd.concat(pd.read_parquet(f) for f in Path(history_folder(str(store), "hubei", "demo")).glob("*.parquet"))
    assert len(kept) == 3600
    assert int(kept["left_out"].notna().sum()) == 3240, "of the first three days nothing was known"


def test_json_parses_and_without_a_region_nothing_is_kept(
    temperatures: Path, tmp_path: Path, finescale: CommandLine
) -> None:
    store = tmp_path / "store"
    shown = finescale("calibrate", "--forecasts", temperatures, "--source", "demo", "--store", store, "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert set(found) == {"proofs", "same_hour", "reliability", "cycles_kept"}
    assert found["cycles_kept"] == 0
    assert [(p["variable"], p["used"], p["stations"]) for p in found["proofs"]] == [("t2m", True, 30)]
    assert all(0 < p["low"] < p["gain"] < p["high"] < 1 for p in found["proofs"])
    assert all(s["corrected"] < s["raw"] for s in found["same_hour"] if s["variable"] == "t2m")
    assert not store.exists()


def test_days_at_the_beginning_are_learned_from_and_not_scored(temperatures: Path) -> None:
    whole = calibrate_archive([str(temperatures)], [])
    late = calibrate_archive([str(temperatures)], [], history_days=20)
    pd.testing.assert_frame_equal(late.pairs, whole.pairs)
    assert {(p.count, p.times) for p in late.proofs} == {(300, 10)}
    assert {(p.count, p.times) for p in whole.proofs} == {(810, 27)}


def test_start_and_end_are_of_forecasts_and_both_are_inside(
    temperatures: Path, tmp_path: Path, finescale: CommandLine
) -> None:
    store = tmp_path / "store"
    shown = finescale(
        "calibrate", "hubei", "--forecasts", temperatures, "--source", "demo", "--store", store,
        "--start", "2021-11-20T12:00:00", "--end", "2021-11-30T12:00:00",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert (len(cycles(store)), cycles(store)[0], cycles(store)[-1]) == (11, "2021-11-20T12", "2021-11-30T12")


def test_a_time_without_any_forecast_is_one_line(temperatures: Path, finescale: CommandLine) -> None:
    none = finescale("calibrate", "--forecasts", temperatures, "--start", "2022-01-01")
    assert (none.exit_code, len(none.stderr.splitlines())) == (2, 1), none.exception
    assert none.stderr.startswith("finescale: no")


def test_the_history_is_kept_under_the_name_that_runs_read_it_by(
    temperatures: Path, tmp_path: Path, finescale: CommandLine
) -> None:
    """`hres` is what people call `ifs`; of a source that there is none of, nobody would read it."""
    shown = finescale(
        "calibrate", "hubei", "--forecasts", temperatures, "--source", "hres", "--store", tmp_path / "store"
    )
    assert shown.exit_code == 0, shown.output
    assert [p.name for p in (tmp_path / "store/hubei/calibration").iterdir()] == ["ifs"]
    wrong = finescale(
        "calibrate", "hubei", "--forecasts", temperatures, "--source", "isf", "--store", tmp_path / "other"
    )
    assert (wrong.exit_code, (tmp_path / "other").exists()) == (2, False)


def test_any_column_may_hold_the_forecast(temperatures: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    pd.read_csv(temperatures).rename(columns={"forecast": "mine"}).assign(forecast=0.0).to_csv(other, index=False)
    assert (
        calibrate_archive([str(other)], [], column="mine").proofs == calibrate_archive([str(temperatures)], []).proofs
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "nothing to learn from: give --forecasts FILE"),
        (("--forecasts", DEMO_GRIB), "is a gridded file; give the stations it is held against with --observations"),
        (("--forecasts", TRUTH), "is a gridded file; give the stations it is held against with --observations"),
        (("--forecasts", "nowhere.csv"), "nowhere.csv: is not there"),
        (("--products", "."), "--products needs the region"),
        (("hubei", "--products", "."), "--products needs --observations"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(arguments: tuple[str, ...], why: str, finescale: CommandLine) -> None:
    shown = finescale("calibrate", *arguments)
    assert shown.exit_code == 2, shown.output
    (line,) = shown.stderr.splitlines()
    assert line.startswith("finescale: ")
    assert why in line


def test_an_unknown_region_is_told_before_the_archive_is_gone_through(
    temperatures: Path, tmp_path: Path, finescale: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("went through it")

    monkeypatch.setattr("flows.products.calibrate.rolling", never)
    shown = finescale("calibrate", "atlantis", "--forecasts", temperatures, "--store", tmp_path)
    assert shown.exit_code == 2, shown.output
    assert "atlantis" in shown.stderr


def test_a_table_without_a_column_says_which(tmp_path: Path, finescale: CommandLine, temperatures: Path) -> None:
    lacking = tmp_path / "lacking.csv"
    pd.read_csv(temperatures).drop(columns="lead_hours").to_csv(lacking, index=False)
    shown = finescale("calibrate", "--forecasts", lacking)
    assert (shown.exit_code, "has no column lead_hours" in shown.stderr) == (2, True)


def test_gridded_files_are_held_against_observations(tmp_path: Path, finescale: CommandLine) -> None:
    truth = truth_at_stations(tmp_path / "truth.csv")
    shown = finescale("calibrate", "--forecasts", DEMO_GRIB, "--observations", truth, "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert {p["variable"] for p in found["proofs"]} <= {"t2m", "d2m", "sp", "msl", "wind_speed"}
    assert not any(p["used"] for p in found["proofs"]), "of one run nothing is proven"
    assert {s["variable"] for s in found["same_hour"]} == {"t2m", "d2m", "sp", "msl", "wind_speed"}


@pytest.mark.usefixtures("prefect_server")
def test_products_of_a_store_give_the_regions_history(
    demo_store: Path, tmp_path: Path, finescale: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_region(tmp_path / "regions/hubei")
    monkeypatch.setenv(SEARCH_PATH_VARIABLE, str(tmp_path / "regions"))
    truth, store = truth_at_stations(tmp_path / "truth.csv"), Path(shutil.copytree(demo_store, tmp_path / "store"))
    command = ("calibrate", "hubei", "--products", store, "--observations", truth, "--source", "demo", "--store", store)
    shown = finescale(*command, "--json")
    assert shown.exit_code == 0, shown.output
    assert (json.loads(shown.stdout)["cycles_kept"], cycles(store)) == (1, [f"{START:%Y-%m-%dT%H}"])
    (file,) = Path(history_folder(str(store), "hubei", "demo")).glob("*.parquet")
    kept = pd.read_parquet(file)
    assert set(kept["variable"]) == {"t2m", "d2m", "sp", "msl", "wind_speed"}
    assert kept["left_out"].isna().all(), "nothing was known before"
    by_file = calibrate_archive([str(demo_store / f"{DEMO_PRODUCT}.zarr")], [str(truth)])
    pd.testing.assert_series_equal(
        kept.sort_values(["variable", "station"])["forecast"].reset_index(drop=True),
        by_file.pairs.sort_values(["variable", "station"])["forecast"].reset_index(drop=True), check_dtype=False,
    )  # fmt: skip
    late = finescale(*command, "--start", "2021-12-11")
    assert (late.exit_code, "no product of hubei from demo in" in late.stderr) == (2, True)
    assert "that began since 2021-12-11 00:00 meets an observation" in late.stderr


def test_a_store_without_products_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to learn from"):
        calibrate_archive([], [str(truth_at_stations(tmp_path / "truth.csv"))], region="hubei", products=str(tmp_path))


def test_a_time_series_teaches_hour_after_hour(tmp_path: Path) -> None:
    """It has no lead times: what lies behind is known at each of its times."""
    times = np.datetime64("2026-05-01T00", "ns") + np.arange(0, 24 * 20, 6) * np.timedelta64(1, "h")
    latitude, longitude = np.arange(32.0, 29.9, -0.25), np.arange(110.0, 112.1, 0.25)
    field = np.full((len(times), len(latitude), len(longitude)), 290.0, np.float32)
    field += np.random.default_rng(0).normal(0, 0.5, len(times)).astype(np.float32)[:, None, None]
    coords = {"valid_time": times, "latitude": latitude, "longitude": longitude}
    ds = xr.Dataset({"t2m": (("valid_time", "latitude", "longitude"), field, {"units": "K"})}, coords)
    ds.to_netcdf(tmp_path / "era5.nc")
    rows = [
        {"station_id": f"S{i}", "latitude": 30.2 + 0.25 * i, "longitude": 110.2 + 0.25 * i, "elevation_m": 100.0,
         "time_utc": t, "t2m_K": float(field[k, 0, 0]) - 2.0}
        for i in range(6) for k, t in enumerate(times)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "stations.csv", index=False)
    found = calibrate_archive([str(tmp_path / "era5.nc")], [str(tmp_path / "stations.csv")])
    (proof,) = found.proofs
    assert (proof.stations, proof.times, proof.used) == (6, 18, True)
    assert proof.raw == pytest.approx(2.0, abs=0.01)
    assert proof.corrected is not None
    assert proof.corrected < 1.0
