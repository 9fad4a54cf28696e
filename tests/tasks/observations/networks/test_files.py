"""Anybody's files: what is read, and what is said of what cannot be."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.station_columns import OTHER_UNITS, REPORT
from tasks.observations.networks.table import COLUMNS, table
from tasks.storage import write_bytes
from tests.conftest import ROOT
from tests.tasks.observations.networks.made_up import HISTORY, psv, three_hourly

WIDE = (
    "network,station_id,latitude,longitude,elevation_m,time_utc,t2m_K,wind_speed_ms,wind_dir_deg,precip_mm,precip_period_h,quality_note\n"
    "INMET,0012,-10.5,-50.25,-3.0,2025-01-16 00:00:00,298.15,2.0,45.0,1.5,1.0,\n"
    "INMET,A2,-11.0,310.0,1777.0,2025-01-16 00:00:00,290.15,,,12.0,6.0,cold bias\n"
)
PLACE = "station_id,latitude,longitude,time_utc"
LONG = (
    "station,latitude,longitude,time,variable,value\n"
    "0012,30.5,111.5,2025-01-16T00:00:00Z,t2m,281.5\n"
    "0012,30.5,111.5,2025-01-16T00:00:00Z,msl,\n"
)


def put(folder: Path, data: str | bytes, name: str) -> str:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(folder / name)


def test_one_report_a_row(tmp_path: Path) -> None:
    found = read_observations(put(tmp_path, WIDE, "mine.csv"))
    first = found[found["station"] == "0012"].set_index(["variable", "period"])
    assert first["value"].to_dict() == pytest.approx(
        {("t2m", 0): 298.15, ("wind_speed", 0): 2.0, ("wind_direction", 0): 45.0, ("tp", 1): 0.0015}
    )
    assert first["elevation"].iloc[0] == -3.0
    assert set(first["quality"]) == {""}
    second = found[found["station"] == "A2"].set_index("variable")
    assert second.loc["tp", ["value", "period"]].tolist() == [0.012, 6.0]
    assert second.loc["t2m", ["longitude", "elevation"]].tolist() == [-50.0, 1777.0]
    assert set(second["quality"]) == {"its source: cold bias"}


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet", "mine.csv.gz"])
def test_one_value_a_row(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pd.read_csv(io.StringIO(LONG), dtype={"station": str}).to_parquet(tmp_path / name)
    else:
        put(tmp_path, gzip.compress(LONG.encode()) if name.endswith("gz") else LONG, name)
    found = read_observations(str(tmp_path / name))
    assert list(found.columns) == list(COLUMNS)
    assert found[["station", "variable", "value", "quality", "period"]].to_numpy().tolist() == [
        ["0012", "t2m", 281.5, "", 0]
    ]
    assert np.isnan(found.loc[0, "elevation"])


def test_what_a_table_writes_it_reads_again(tmp_path: Path) -> None:
    found = read_observations(put(tmp_path, WIDE, "mine.csv"))
    found.to_csv(tmp_path / "again.csv", index=False)
    found.to_parquet(tmp_path / "again.parquet")
    for name in ("again.csv", "again.parquet"):
        pd.testing.assert_frame_equal(read_observations(str(tmp_path / name)), found)


def test_headers_in_the_docs_are_read(tmp_path: Path) -> None:
    lines = [line.strip() for line in (ROOT / "docs/verify.md").read_text().splitlines()]
    reports = set(REPORT) - set(OTHER_UNITS)
    for columns, values in (set(COLUMNS), 2), (reports, 6):
        start = next(i for i, line in enumerate(lines) if set(line.split(",")) == columns)
        table = "\n".join(lines[start : lines.index("", start)])
        assert len(read_observations(put(tmp_path, table, "docs.csv"))) == values


@pytest.mark.parametrize("above", [False, True])
def test_isd_lite_finds_its_history(tmp_path: Path, above: bool) -> None:
    (tmp_path / "isd").mkdir()
    put(tmp_path if above else tmp_path / "isd", HISTORY, "isd-history.csv")
    file = put(tmp_path / "isd", three_hourly(), "999010-99999-2021")
    assert set(read_observations(file)["station"]) == set(read_observations(str(tmp_path / "isd"))["station"])


def test_isd_lite_without_history_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a" / "isd").mkdir(parents=True)
    file = put(tmp_path / "a" / "isd", three_hourly(), "999010-99999-2021")
    for uri in (file, str(tmp_path / "a" / "isd")):
        with pytest.raises(UnreadableFile, match=r"put https://.*/isd-history\.csv beside it or in the folder above"):
            read_observations(uri)


def test_ghcnh_as_file_and_folder(tmp_path: Path) -> None:
    file = put(tmp_path, psv([{"DATE": "2025-09-01T06:00:00", "temperature": "12.3"}]), "GHCNh_CHM00099901_2025.psv")
    pd.testing.assert_frame_equal(read_observations(file), read_observations(str(tmp_path)))


def test_object_stores(s3_store: str) -> None:
    write_bytes(f"{s3_store}/observations/mine.csv", WIDE.encode())
    assert len(read_observations(f"{s3_store}/observations/mine.csv")) == 6
    write_bytes(f"{s3_store}/isd/isd-history.csv", HISTORY)
    write_bytes(f"{s3_store}/isd/999010-99999-2021.gz", gzip.compress(three_hourly()))
    assert set(read_observations(f"{s3_store}/isd")["station"]) == {"999010-99999"}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("other.csv", b"a,b\n1,2\n", "has no column station_id.*a table has one value a row in station"),
        ("long.csv", b"station,variable,value\n1,t2m,280\n", "has no column latitude, longitude, time"),
        ("place.csv", f"{PLACE}\n1,2,3,2025-01-01\n".encode(), "has no observation in its columns"),
        ("rain.csv", f"{PLACE},precip_mm\n1,2,3,2025-01-01,1\n".encode(), "no column precip_period_h"),
        ("unknown.csv", LONG.replace("t2m", "tmax").encode(), "observations of tmax; known are t2m"),
        ("time.csv", LONG.replace("2025-01-16T00", "noon").encode(), "column time holds something else than it should"),
        ("number.csv", LONG.replace("281.5", "warm").encode(), "line 2: column value holds .* 'warm' is no number"),
        ("none.csv", LONG.replace("281.5", "").encode(), "t2m.*: of 2 rows at 1 station all values are"),
        ("binary.csv", b"\x80\x81\x82" * 100, "is neither CSV, Parquet, BUFR, MICAPS, MET, GHCNh nor named"),
        ("cut.parquet", b"PAR1" + b"\0" * 100, "is no whole Parquet file"),
        ("cut.csv.gz", gzip.compress(LONG.encode(), mtime=0)[:-12], "is cut; copy it again"),
        ("bad.bufr", b"BUFR" + b"\0" * 100, "the BUFR message at byte 0 is cut"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        read_observations(put(tmp_path, data, name))
    assert name in str(raised.value)
    assert raised.value.exit_code == 2


def test_the_south_pole_as_it_is_coded_is_a_place_and_what_is_beyond_is_none(tmp_path: Path) -> None:
    found = read_observations(put(tmp_path, WIDE.encode(), "wide.csv"))
    pole = found["station"] == "0012"
    read = table(found.assign(latitude=np.where(pole, -90.00001, 999.0)))
    assert (len(read), set(read["station"]), set(read["latitude"])) == (pole.sum(), {"0012"}, {-90.0})


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is not there; give a file or folder"):
        read_observations(str(tmp_path / "nothing.csv"))
    with pytest.raises(UnreadableFile, match="a folder without ISD-Lite"):
        read_observations(str(tmp_path))
    with pytest.raises(BadInput, match="nothing here reads nosuch://"):
        read_observations("nosuch://bucket/file.csv")


@pytest.mark.parametrize(
    ("name", "stations", "values"),
    [
        ("matched_era5_uk_201903.csv", 1, 889),
        ("matched_hres_20211210T20.csv", 28, 137),
        ("matched_ifs_20250116T00.csv", 426, 2311),
        ("matched_ifs_20250116T18.csv", 461, 2553),
        ("isd_lite_2021", 31, 140_895),
        ("synop_global_20181102T12.bufr", 7849, 48_496),
        ("micaps1_synop_20190822T00.txt", 4775, 21_892),
        ("gauges_2018", 2513, 5026),
    ],
)
def test_real_files(shared_data: Path, name: str, stations: int, values: int) -> None:
    found = read_observations(str(shared_data / "stations" / name))
    assert (found["station"].nunique(), len(found)) == (stations, values)


def test_positions_and_elevations_are_kept_as_given(shared_data: Path) -> None:
    raw = pd.read_csv(shared_data / "stations/matched_ifs_20250116T00.csv", dtype={"station_id": str})
    found = read_observations(str(shared_data / "stations/matched_ifs_20250116T00.csv")).groupby("station").first()
    given = raw.set_index("station_id").loc[found.index]
    assert found["elevation"].tolist() == given["elevation_m"].tolist()
