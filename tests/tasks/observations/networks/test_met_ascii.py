"""MET's eleven columns: made up lines, and the gauges of China of two days in June 2018."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.met_ascii import read_met
from tests.tasks.observations.networks.made_up import diamond, surface


def line(variable: str = "TMP", value: object = 281.5, **other: object) -> str:
    row = {
        "kind": "ADPSFC", "station": "57001", "time": "20180627_000000", "latitude": 30.5, "longitude": 111.5,
        "elevation": 257.0, "variable": variable, "level": 24, "height": -9999, "quality": "NA", "value": value,
    } | other  # fmt: skip
    return " ".join(map(str, row.values()))


def read(*lines: str) -> pd.DataFrame:
    return read_met("\n".join(lines).encode(), "x.ascii")


@pytest.mark.parametrize(
    ("name", "code", "variable", "given", "value", "period"),
    [
        ("TMP", 11, "t2m", 281.5, 281.5, 0), ("DPT", 17, "d2m", 279, 279, 0), ("PRES", 1, "sp", 100_500, 100_500, 0),
        ("PRMSL", 2, "msl", 102_100, 102_100, 0), ("WIND", 32, "wind_speed", 3.4, 3.4, 0),
        ("WDIR", 31, "wind_direction", 90, 90, 0), ("APCP", 61, "tp", 12.5, 0.0125, 24),
        ("AccPrecip", 61, "tp", 0, 0, 24),
    ],
)  # fmt: skip
def test_variables_by_name_and_by_code(
    name: str, code: int, variable: str, given: float, value: float, period: float
) -> None:
    for called in (name, code):
        found = read(line(str(called), given))
        assert found[["station", "network", "variable", "value", "period", "elevation"]].to_numpy().tolist() == [
            ["57001", "met", variable, value, period, 257.0]
        ]
        assert found["time"].item() == pd.Timestamp("2018-06-27")


def test_amounts_of_several_periods_stay_apart() -> None:
    found = read(line("APCP", 1, level=3), line("APCP", 2, level=6))
    assert found[["period", "value"]].to_numpy().tolist() == [[3, 0.001], [6, 0.002]]


def test_missing_values_and_elevations() -> None:
    assert read(line(value=-9999)).empty
    assert read(line(elevation=-9999))["elevation"].isna().all()


@pytest.mark.parametrize(
    ("quality", "reason"), [("NA", ""), ("2", ""), ("3", "MET: quality 3"), ("X", "MET: quality X")]
)
def test_quality_beyond_two_is_a_reason(quality: str, reason: str) -> None:
    assert read(line(quality=quality))["quality"].item() == reason


def test_what_is_not_read_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    found = read(line("UGRD", 1), line("VGRD", 1), line("UGRD", 2), line(kind="ADPUPA", level=500), line())
    assert len(found) == 1
    assert "x.ascii: rows left out: 2 of UGRD, 1 of VGRD, 1 of message type ADPUPA" in caplog.text


def test_calm_has_no_direction() -> None:
    found = read(line("WIND", 0), line("WDIR", 0), line("WIND", 2, station="57002"), line("WDIR", 0, station="57002"))
    assert found.loc[found["variable"] == "wind_direction", ["station", "value"]].to_numpy().tolist() == [
        ["57002", 360]
    ]


def test_an_identifier_at_several_places_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert set(read(line(), line(latitude=31.5), line(station="57002"))["station"]) == {"57002"}
    assert "2 reports are left out" in caplog.text


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line()[:-6], "has 10 columns, not 11; is the file cut"),
        (line() + " 3", "has 12 columns, not 11"),
        (line(time="20180627_250000"), "valid time 20180627_250000 is none of YYYYMMDD_HHMMSS"),
        (line(latitude=111.5), "latitude 111.5 is not within -90 to 90"),
        (line(latitude=-9999), "latitude -9999 is not within"),
        (line(value="warm"), "value 'warm' is no number"),
        (line("APCP", level=-9999), "level, the hours of an amount, -9999 is not within"),
        (line("APCP", level=240000), "level, the hours of an amount, 240000 is not within 0 to 744"),
        (line("APCP", level=0), "an amount's level is 0"),
    ],
)
def test_a_bad_line_is_named(bad: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"x\.ascii, line 3: .*{message}"):
        read(line(), "", bad)


def test_files_are_told_by_content_alone_or_in_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.txt").write_text(line("APCP", 1.5))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(line("APCP", 2.5, time="20180627_060000").encode()))
    (tmp_path / "18062708.000").write_bytes(diamond(1, "18 06 27 08", [surface(temperature=20)]).encode("gbk"))
    (tmp_path / "readme.md").write_text("not a file of stations")
    assert read_observations(str(tmp_path / "a.txt"))["value"].tolist() == [0.0015]
    found = read_observations(str(tmp_path))
    assert sorted(found["value"]) == pytest.approx([0.0015, 0.0025, 293.15])
    assert "1 files are neither MICAPS nor MET and passed over" in caplog.text


def test_a_file_without_what_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ascii").write_text(line("HGT", 5000))
    with pytest.raises(BadInput, match=r"x\.ascii: holds no observation of t2m"):
        read_observations(str(tmp_path / "x.ascii"))


def test_the_real_gauges(shared_data: Path) -> None:
    found = read_observations(str(shared_data / "stations/gauges_2018"))
    assert (len(found), found["station"].nunique()) == (5026, 2513)  # three identifiers are at two places each
    assert found.groupby("time").size().to_dict() == {pd.Timestamp(f"2018-06-{d}"): 2513 for d in (27, 29)}
    assert set(found["variable"]) == {"tp"}
    assert set(found["period"]) == {24.0}
    assert found["value"].max() == pytest.approx(0.1934)
    station = found[found["station"] == "57390"]
    assert station["value"].tolist() == pytest.approx([0.0, 0.0455])
    assert station[["latitude", "longitude", "elevation"]].iloc[0].tolist() == [31.8, 114.07, 700.0]
