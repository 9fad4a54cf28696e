"""ISD-Lite: made up lines in its format, and the traps of the real files of Hubei."""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import UnreadableFile
from tasks.observations.networks.isd_lite import read_history, read_isd_lite
from tasks.observations.networks.table import COLUMNS
from tests.tasks.observations.networks.made_up import HISTORY, START, isd_file, isd_line, three_hourly

NAME = "999010-99999-2021"


@pytest.fixture
def history() -> pd.DataFrame:
    return read_history(HISTORY)


@pytest.fixture(scope="session")
def hubei(shared_data: Path) -> pd.DataFrame:
    return read_isd_lite(shared_data / "stations/isd_lite_2021", read_history(shared_data / "stations/isd-history.csv"))


def put(folder: Path, data: bytes, name: str = NAME) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def values(found: pd.DataFrame, variable: str, period: float = 0.0) -> list[float]:
    return found.loc[(found["variable"] == variable) & (found["period"] == period), "value"].tolist()


def test_a_line_becomes_si(tmp_path: Path, history: pd.DataFrame) -> None:
    line = isd_line(START, t=-17, td=-40, slp=10311, wind=(350, 15), rain=(12, 34))
    found = read_isd_lite(put(tmp_path, isd_file([line])), history)
    assert list(found.columns) == list(COLUMNS)
    assert values(found, "t2m") == pytest.approx([271.45])
    assert values(found, "d2m") == pytest.approx([269.15])
    assert values(found, "msl") == [103_110.0]
    assert values(found, "wind_speed") == [1.5]
    assert values(found, "wind_direction") == [350.0]
    assert values(found, "tp", 1.0) == pytest.approx([0.0012])
    assert values(found, "tp", 6.0) == pytest.approx([0.0034])
    assert found.loc[0, ["station", "latitude", "longitude", "elevation"]].tolist() == [
        "999010-99999",
        30.5,
        111.5,
        257,
    ]
    assert set(found["quality"]) == {""}


def test_missing_is_no_row(tmp_path: Path, history: pd.DataFrame) -> None:
    line = isd_line(START, t=-9999, td=-9999, slp=-9999, wind=(-9999, -9999))
    assert read_isd_lite(put(tmp_path, isd_file([line])), history).empty


def test_rolling_six_hour_rain_is_kept_every_six_hours_only(tmp_path: Path, history: pd.DataFrame) -> None:
    found = read_isd_lite(put(tmp_path, three_hourly(8, rain=(-9999, 20))), history)
    rain = found[found["variable"] == "tp"]
    assert rain["time"].dt.hour.tolist() == [0, 6, 12, 18]
    assert rain["value"].sum() == pytest.approx(0.008)


def test_one_hour_rain_is_kept_at_any_hour(tmp_path: Path, history: pd.DataFrame) -> None:
    lines = [isd_line(START + timedelta(hours=h), rain=(h, -9999)) for h in range(5)]
    assert values(read_isd_lite(put(tmp_path, isd_file(lines)), history), "tp", 1.0) == pytest.approx(
        [0.0, 1e-4, 2e-4, 3e-4, 4e-4]
    )


def test_trace_is_dry(tmp_path: Path, history: pd.DataFrame) -> None:
    found = read_isd_lite(put(tmp_path, isd_file([isd_line(START, rain=(-1, -1))])), history)
    assert values(found, "tp", 1.0) == values(found, "tp", 6.0) == [0.0]


@pytest.mark.parametrize(
    ("wind", "direction"), [((0, 0), []), ((-9999, 20), []), ((0, 20), [360.0]), ((360, 20), [360.0])]
)
def test_calm_and_variable_have_no_direction(
    tmp_path: Path, history: pd.DataFrame, wind: tuple[int, int], direction: list[float]
) -> None:
    found = read_isd_lite(put(tmp_path, isd_file([isd_line(START, wind=wind)])), history)
    assert values(found, "wind_direction") == direction


def test_whole_degrees_are_an_airports(tmp_path: Path, history: pd.DataFrame) -> None:
    hours = [START + timedelta(hours=h) for h in range(24)]
    whole = read_isd_lite(put(tmp_path, isd_file([isd_line(t, t=10 * (i % 9)) for i, t in enumerate(hours)])), history)
    tenths = read_isd_lite(put(tmp_path, isd_file([isd_line(t, t=7 * i) for i, t in enumerate(hours)])), history)
    few = read_isd_lite(put(tmp_path, isd_file([isd_line(t, t=10) for t in hours[:19]])), history)
    assert [set(f["network"]) for f in (whole, tenths, few)] == [{"metar"}, {"synop"}, {"synop"}]


def test_metar_between_synops_is_told_by_the_hour(tmp_path: Path, history: pd.DataFrame) -> None:
    times = [START + timedelta(hours=h) for h in range(24 * 30)]
    lines = [isd_line(t, t=10 * (i % 9) + (i // 24 % 10 if t.hour % 3 == 0 else 0)) for i, t in enumerate(times)]
    found = read_isd_lite(put(tmp_path, isd_file(lines)), history)
    assert set(found.loc[found["network"] == "synop", "time"].dt.hour) == set(range(0, 24, 3))


def test_several_files_and_gz(tmp_path: Path, history: pd.DataFrame) -> None:
    put(tmp_path, three_hourly(8))
    put(tmp_path, gzip.compress(three_hourly(8)), "999020-99999-2021.gz")
    put(tmp_path, b"other", "README")
    assert set(read_isd_lite(tmp_path, history)["station"]) == {"999010-99999", "999020-99999"}


def test_the_position_is_that_of_usaf_and_wban(tmp_path: Path, history: pd.DataFrame) -> None:
    put(tmp_path, three_hourly(1), "999020-99999-2021")
    put(tmp_path, three_hourly(1), "999021-99999-2021")
    found = read_isd_lite(tmp_path, history).groupby("station").first()
    assert found["latitude"].to_dict() == {"999020-99999": 30.8, "999021-99999": 18.3}
    assert np.isnan(found.loc["999021-99999", "elevation"])  # -0999.0 is none


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("888880-99999-2021", "does not have it"),
        ("999030-99999-2021", "no position"),
        ("999040-99999-2021", "no position"),
    ],
)
def test_a_station_without_position_is_left_out_and_told(
    tmp_path: Path, history: pd.DataFrame, caplog: pytest.LogCaptureFixture, name: str, why: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_isd_lite(put(tmp_path, three_hourly(), name), history).empty
    assert name[:12] in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize("bad", ["2021 01 01 03    40", "2021 13 01 00" + " " * 48, "<html>Under maintenance</html>"])
def test_a_malformed_line_is_named(tmp_path: Path, history: pd.DataFrame, bad: str) -> None:
    file = put(tmp_path, isd_file([isd_line(START), bad]))
    with pytest.raises(UnreadableFile, match=rf"{NAME}, line 2: is not ISD-Lite.*fetch the file again"):
        read_isd_lite(file, history)


def test_a_cut_gz_is_told(tmp_path: Path, history: pd.DataFrame) -> None:
    file = put(tmp_path, gzip.compress(three_hourly(50))[:-20], f"{NAME}.gz")
    with pytest.raises(UnreadableFile, match="cannot be unpacked"):
        read_isd_lite(file, history)


def test_other_names_are_told(tmp_path: Path, history: pd.DataFrame) -> None:
    with pytest.raises(UnreadableFile, match="not named USAF-WBAN-year"):
        read_isd_lite(put(tmp_path, three_hourly(), "hill.txt"), history)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFile, match="no file in it is named"):
        read_isd_lite(tmp_path / "empty", history)


def test_no_history_is_told() -> None:
    with pytest.raises(UnreadableFile, match=r"is no isd-history\.csv"):
        read_history(b"a,b\n1,2\n")


def test_hubei_is_31_stations_with_values_of_this_planet(hubei: pd.DataFrame) -> None:
    assert hubei["station"].nunique() == 31
    assert len(hubei) > 140_000
    assert hubei.loc[hubei["variable"] == "t2m", "value"].between(255, 310).all()
    assert hubei["latitude"].between(28, 35).all()


def test_wuhan_airport_reports_under_a_synop_number(hubei: pd.DataFrame, shared_data: Path) -> None:
    airport = hubei[hubei["station"] == "574940-99999"]
    assert set(airport["network"]) == {"metar"}
    assert airport[["latitude", "longitude"]].iloc[0].tolist() == pytest.approx([30.784, 114.208])  # not 30.6, 114.05
    assert airport["time"].dt.hour.nunique() == 24


def test_hefei_mixes_synop_with_metar(hubei: pd.DataFrame) -> None:
    mixed = hubei[(hubei["station"] == "583210-99999") & (hubei["variable"] == "t2m")]
    by_hour = mixed.groupby(mixed["time"].dt.hour)["network"].unique().map(list)
    assert [h for h, networks in by_hour.items() if networks == ["synop"]] == [0, 3, 6, 9, 12, 18, 21]


def test_574941_is_in_sanya(shared_data: Path) -> None:
    history = read_history(shared_data / "stations/isd-history.csv")
    assert history.loc["574941-99999", "latitude"] == pytest.approx(18.303)
    assert history.loc["574940-99999", "latitude"] == pytest.approx(30.784)


def test_half_of_the_stations_have_no_15_utc(hubei: pd.DataFrame) -> None:
    t2m = hubei[hubei["variable"] == "t2m"]
    hours = t2m.groupby("station")["time"].agg(lambda times: frozenset(times.dt.hour))
    assert sum(15 not in h for h in hours) == 15
    assert all({0, 3, 6, 9, 12, 18, 21} <= h for h in hours)


def test_rain_of_hubei_is_counted_once(hubei: pd.DataFrame, shared_data: Path) -> None:
    file = shared_data / "stations/isd_lite_2021/574610-99999-2021"
    printed = [int(line[55:61]) for line in file.read_text().splitlines()]
    all_printed = sum(p for p in printed if p > 0) / 1e4
    rain = hubei[(hubei["station"] == "574610-99999") & (hubei["variable"] == "tp")]
    assert set(rain["time"].dt.hour) == {0, 6, 12, 18}
    assert rain["value"].sum() == pytest.approx(all_printed / 2, rel=0.1)  # what is printed counts every hour twice
    assert rain["value"].min() == 0.0


def test_dry_is_zero_at_some_stations_and_missing_at_others(hubei: pd.DataFrame) -> None:
    rain = hubei[(hubei["variable"] == "tp") & (hubei["period"] == 6)]
    dry = rain.groupby("station")["value"].agg(["size", lambda v: (v == 0).mean()])
    assert (dry["size"] < 130).sum() == 14
    assert dry.loc[dry["size"] > 300, "<lambda_0>"].min() > 0.6


def test_the_history_of_the_world_is_by_usaf_and_wban(shared_data: Path) -> None:
    history = read_history(shared_data / "stations/isd-history.csv")
    assert len(history) > 25_000
    assert history["elevation"].min() > -500
