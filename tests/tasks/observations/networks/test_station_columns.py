"""Station files in the ways people have them: read as what they say, or refused with a remedy that works."""

from __future__ import annotations

import gzip
import io
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks import delimited
from tasks.observations.networks.files import read_observations
from tests.tasks.observations.networks.made_up import HISTORY, psv, three_hourly

WIDE = [
    "station_id", "network", "latitude", "longitude", "elevation_m", "time_utc", "t2m_K", "msl_Pa", "precip_mm",
    "precip_period_h",
]  # fmt: skip
Change = Callable[[pd.DataFrame], pd.DataFrame]


def reports() -> pd.DataFrame:
    """Three stations at one time."""
    return pd.DataFrame(
        [
            ["0012", "a", 30.5, 111.25, 257.5, "2025-01-16T00:00:00Z", 281.5, 102150.0, 4.2, 6],
            ["0013", "a", 30.75, 114.05, 34.0, "2025-01-16T00:00:00Z", 279.25, 102310.0, 0.0, 6],
            ["0014", "a", -31.5, -60.5, 12.0, "2025-01-16T00:00:00Z", 298.75, 101020.0, 0.5, 6],
        ],
        columns=WIDE,
    )


def values() -> pd.DataFrame:
    """The same in the other form, temperatures and rain."""
    wide = reports().rename(columns={"station_id": "station", "elevation_m": "elevation", "time_utc": "time"})
    place = wide[["station", "network", "latitude", "longitude", "elevation", "time"]]
    kinds = {"t2m": (wide["t2m_K"], 0.0), "tp": (wide["precip_mm"] / 1000, 6.0), "msl": (wide["msl_Pa"], 0.0)}
    return pd.concat([place.assign(variable=n, value=v, period=p) for n, (v, p) in kinds.items()], ignore_index=True)


RIGHT = [
    ["0012", "msl", 102150.0], ["0012", "t2m", 281.5], ["0012", "tp", 0.0042], ["0013", "msl", 102310.0],
    ["0013", "t2m", 279.25], ["0013", "tp", 0.0], ["0014", "msl", 101020.0], ["0014", "t2m", 298.75],
    ["0014", "tp", 0.0005],
]  # fmt: skip
PLACES = [["0012", 30.5, 111.25, 257.5], ["0013", 30.75, 114.05, 34.0], ["0014", -31.5, -60.5, 12.0]]


def put(folder: Path, data: str | bytes, name: str = "mine.csv") -> str:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(folder / name)


def read(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    return read_observations(put(folder, table.to_csv(index=False)))


def refused(folder: Path, data: pd.DataFrame | str | bytes, name: str = "mine.csv") -> str:
    """Why, in one line that begins with the file's name."""
    text = data.to_csv(index=False) if isinstance(data, pd.DataFrame) else data
    uri = put(folder, text, name)
    with pytest.raises(BadInput) as raised:
        read_observations(uri)
    message = str(raised.value)
    assert message.startswith(uri)
    assert "\n" not in message
    return message.removeprefix(uri).removeprefix(": ").removeprefix(", ")


def is_right(found: pd.DataFrame) -> bool:
    """All values, places and times as they were written, none rejected."""
    right = pd.DataFrame(RIGHT, columns=["station", "variable", "value"])
    places = pd.DataFrame(PLACES, columns=["station", "latitude", "longitude", "elevation"])
    expected = right.merge(places, on="station")
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False)
    assert set(found["time"]) == {pd.Timestamp("2025-01-16")}
    assert set(found["quality"]) == {""}
    return True


def csv(separator: str = ",", decimal: str = ".", **kwargs: object) -> str:
    return reports().assign(**kwargs).to_csv(index=False, sep=separator, decimal=decimal)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame.to_csv(reports(), index=False).encode(),
        csv(";", ",").encode(),
        csv(";", ",").encode("utf-16"),
        csv("\t").encode("utf-16"),
        csv("\t").encode("utf-16-le"),
        csv("\t", ",").encode(),
        csv("|").encode(),
        csv(",", ",").encode(),  # decimal commas in quotation marks
        csv(name="武汉").encode("gbk"),
        csv(name="武汉").encode("gb18030"),
        csv(name="武汉").encode("utf-8-sig"),
        csv(";", ",", name="São Luís, Île").encode("cp1252"),
        csv(name="Île d'Yeu é").encode("latin-1"),
        b"sep=;\r\n" + csv(";", ",").replace("\n", "\r\n").encode(),
        b"# from the archive\n\n" + csv().encode() + b"\n\n",
        csv().replace("\n", "\r").encode(),
        csv().replace("\n", ",\n").encode(),  # a separator after the last column too
        csv(";", msl_Pa=["102.150,0", "102.310,0", "101.020,0"]).encode(),
        csv(msl_Pa=["102,150.0", "102,310.0", "101,020.0"]).encode(),
        csv().replace("-31.5", "\u221231.5").replace("-60.5", "\u221260.5").encode(),
        csv().replace("station_id", " Station_ID ").replace("t2m_K", "T2M_K").encode(),
        gzip.compress(csv(";", ",").encode()),
        csv().replace("-60.5", "299.5").encode(),
        (csv() + csv().split("\n", 1)[1]).encode(),  # every row twice
    ],
    ids=[
        "plain", "excel", "excel utf-16", "unicode text", "utf-16 without bom", "tabs", "bars", "quoted commas", "gbk",
        "gb18030", "utf-8 bom", "western", "latin-1", "sep=", "remarks and blank lines", "old mac", "ends in commas",
        "thousands with points", "thousands with commas", "typographic minus", "case of names", "gzip", "0 to 360",
        "duplicates",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["mine.csv", "mine.txt", "mine.parquet"])
def test_the_same_table_is_read_however_it_was_saved(tmp_path: Path, data: bytes, name: str) -> None:
    assert is_right(read_observations(put(tmp_path, data, name)))


def test_parquet_and_one_value_a_row_are_the_same_table(tmp_path: Path) -> None:
    assert is_right(read(tmp_path, values()))
    reports().to_parquet(tmp_path / "a.csv")
    assert is_right(read_observations(str(tmp_path / "a.csv")))
    reports().assign(time_utc=pd.Timestamp("2025-01-16T08:00", tz="Asia/Shanghai")).to_parquet(tmp_path / "b.parquet")
    assert is_right(read_observations(str(tmp_path / "b.parquet")))


@pytest.mark.parametrize(
    "written",
    [
        "2025-01-16 00:00", "2025-01-16", "2025-01-16 00:00 UTC", "2025/1/16 0:00", "16.01.2025 00:00", "16.1.2025",
        "16.01.2025 00:00:00", "20250116", "2025011600", "1736985600.0",
        "202501160000", "20250116000000", "1736985600", "1736985600000",
        "2025-01-15T21:00-03:00", "2025-01-16T08:00+08",
        "2025-01-15T23:53:00Z", "2025-01-16 00:04", "2025-01-15T23:50", "2025-01-16T00:10:00",
    ],
)  # fmt: skip
def test_times_are_utc_and_of_the_hour_however_they_are_written(tmp_path: Path, written: str) -> None:
    assert is_right(read(tmp_path, reports().assign(time_utc=written)))
    assert is_right(read(tmp_path, values().assign(time=written)))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (reports().assign(time_utc="01/02/2025 00:00"), "line 2: column time_utc is '01/02/2025 00:00': which is"),
        (reports().assign(time_utc="01.25.2025 00:00"), "column time_utc holds something else than it should"),
        (reports().assign(time_utc="45673"), "column time_utc holds something else .*'45673' is a number"),
        (reports().assign(time_utc="2025-01-16T08:00 CST"), "column time_utc holds something else"),
        (reports().assign(time_utc="0001-01-16T08:00"), "column time_utc holds|has times from"),
        (reports().rename(columns={"time_utc": "time_local"}), "time_local is local time: add a column time_utc"),
        (reports().rename(columns={"time_utc": "北京时"}), "北京时 is local time: add a column time_utc"),
        (reports().assign(time_utc="2025-01-16 08:00", timezone="Asia/Shanghai"), "column timezone is 'Asia/Shanghai'"),
        (values().assign(time="2025-01-16 08:00", utc_offset=8), "column utc_offset is '8', so that time is local"),
    ],
)  # fmt: skip
def test_times_that_can_be_read_in_two_ways_are_refused(tmp_path: Path, table: pd.DataFrame, why: str) -> None:
    assert re.search(why, refused(tmp_path, table))


@pytest.mark.parametrize(
    "table",
    [
        reports().rename(columns={"time_utc": "time_local"}).assign(time_utc="2025-01-16T00:00Z"),
        reports().assign(time_utc="2025-01-16T00:00:00Z"),
        reports().assign(time_utc="2025-01-16T08:00+08:00", timezone="Asia/Shanghai"),
        reports().assign(timezone="UTC"),
        reports().assign(utc_offset=0),
    ],
    ids=["UTC beside local time", "as the message has it", "offset beside a zone", "UTC is said", "no offset"],
)
def test_what_is_to_be_done_about_times_is_enough(tmp_path: Path, table: pd.DataFrame) -> None:
    assert is_right(read(tmp_path, table))


def test_elevations_of_all_sentinels_are_as_blank_ones(tmp_path: Path) -> None:
    blank = read(tmp_path, reports().assign(elevation_m=[257.5, None, 12.0]))
    for sentinel in (-9999, 9999, 999.9, -999, -999.9, "NA", "M", "/", "-"):
        heights = [257.5, sentinel, 12.0]
        pd.testing.assert_frame_equal(read(tmp_path, reports().assign(elevation_m=heights)), blank)
        height = values()["station"].map(dict(zip(["0012", "0013", "0014"], heights, strict=True)))
        pd.testing.assert_frame_equal(read(tmp_path, values().assign(elevation=height)), blank)


@pytest.mark.parametrize("sentinel", [-9999, 9999, 999.9, -999.9, "M", "NA", "", "///", "-"])
def test_values_of_all_sentinels_are_no_rows(tmp_path: Path, sentinel: object) -> None:
    found = read(tmp_path, reports().assign(t2m_K=[281.5, sentinel, 298.75], precip_mm=[4.2, sentinel, 0.5]))
    assert found.loc[found["station"] == "0013", "variable"].tolist() == ["msl"]
    assert len(found) == 7


@pytest.mark.parametrize("trace", ["T", "t", "TR", "Trace", "trace", "微量"])
def test_a_trace_is_rain_of_nothing(tmp_path: Path, trace: str) -> None:
    assert is_right(read(tmp_path, reports().assign(precip_mm=[4.2, trace, 0.5])))
    table = values().astype({"value": object})
    table.loc[(table["variable"] == "tp") & (table["station"] == "0013"), "value"] = trace
    assert is_right(read(tmp_path, table))


# What is refused, and that what the message says to do is enough
UNITS: dict[str, tuple[Change, str, Change]] = {
    "celsius": (
        lambda t: t.assign(t2m_K=t["t2m_K"] - 273.15),
        "column t2m_K looks like °C (6.1 to 25.6); name it t2m_C, or add 273.15",
        lambda t: t.rename(columns={"t2m_K": "t2m_C"}),
    ),
    "celsius, added": (
        lambda t: t.assign(t2m_K=t["t2m_K"] - 273.15),
        "or add 273.15",
        lambda t: t.assign(t2m_K=t["t2m_K"] + 273.15),
    ),
    "kelvin as celsius": (
        lambda t: t.rename(columns={"t2m_K": "t2m_C"}),
        "column t2m_C looks like K; name it t2m_K",
        lambda t: t.rename(columns={"t2m_C": "t2m_K"}),
    ),
    "fahrenheit": (
        lambda t: t.assign(t2m_K=[61.0, 75.0, 98.0]),
        "column t2m_K looks like °F (61 to 98); convert it to K",
        lambda t: t.assign(t2m_K=[281.5, 279.25, 298.75]),
    ),
    "hectopascals": (
        lambda t: t.assign(msl_Pa=t["msl_Pa"] / 100),
        "column msl_Pa looks like hPa (1010.2 to 1023.1); name it msl_hPa, or multiply by 100",
        lambda t: t.rename(columns={"msl_Pa": "msl_hPa"}),
    ),
    "hectopascals, multiplied": (
        lambda t: t.assign(msl_Pa=t["msl_Pa"] / 100),
        "multiply by 100",
        lambda t: t.assign(msl_Pa=t["msl_Pa"] * 100),
    ),
    "kilopascals": (
        lambda t: t.assign(msl_Pa=t["msl_Pa"] / 1000),
        "looks like kPa (101.02 to 102.31); multiply by 1000",
        lambda t: t.assign(msl_Pa=t["msl_Pa"] * 1000),
    ),
    "metres of rain": (
        lambda t: t.assign(precip_mm=[0.0042, 0.0008, 0.0005]),
        "column precip_mm looks like m (0.0042 at most); multiply by 1000",
        lambda t: t.assign(precip_mm=[4.2, 0.0, 0.5]),
    ),
    "swapped": (
        lambda t: t.rename(columns={"latitude": "longitude", "longitude": "latitude"}),
        "line 2: latitude 111.25, longitude 30.5 is no place; are the two columns swapped?",
        lambda t: t.rename(columns={"latitude": "longitude", "longitude": "latitude"}),
    ),
    "no hours": (
        lambda t: t.assign(precip_period_h=""),
        "has no hours in column precip_period_h; write those that each amount of precip_mm is of",
        lambda t: t.assign(precip_period_h=6),
    ),
    "no period": (
        lambda t: t.drop(columns="precip_period_h"),
        "has no column precip_period_h",
        lambda t: t.assign(precip_period_h=6),
    ),
    "words": (
        lambda t: t.assign(t2m_K=["281.5", "cold", "298.75"]),
        "line 3: column t2m_K holds something else than it should: 'cold' is no number; leave the field empty",
        lambda t: t.assign(t2m_K=[281.5, 279.25, 298.75]),
    ),
    "units beside numbers": (
        lambda t: t.assign(elevation_m=["257.5 m", 34.0, 12.0]),
        "line 2: column elevation_m holds something else than it should: '257.5 m' is no number",
        lambda t: t.assign(elevation_m=[257.5, 34.0, 12.0]),
    ),
    "other names": (
        lambda t: t.rename(columns={"station_id": "id", "latitude": "lat", "longitude": "lon", "time_utc": "valid"}),
        "rename id to station_id, if that is it; rename lat to latitude, if that is it; rename lon to longitude, if",
        lambda t: t.rename(columns={"id": "station_id", "lat": "latitude", "lon": "longitude", "valid": "time_utc"}),
    ),
    "date and hour": (
        lambda t: t.drop(columns="time_utc").assign(date="2025-01-16", hour=0),
        "has no column time_utc; write date and hour together in a column time_utc, 2025-01-16T00:00:00Z",
        lambda t: t.assign(time_utc="2025-01-16T00:00:00Z"),
    ),
    "points among commas": (
        lambda t: t.assign(t2m_K=["281,5", "279.25", "298,75"]),
        "line 3: column t2m_K holds something else than it should: '279.25' is no number where others have decimal",
        lambda t: t.assign(t2m_K=["281,5", "279,25", "298,75"]),
    ),
    "misspelled": (
        lambda t: t.rename(columns={"latitude": "lattitude"}),
        "has no column latitude; rename lattitude to latitude",
        lambda t: t.rename(columns={"lattitude": "latitude"}),
    ),
    "twice": (
        lambda t: t.assign(T2M_k=1.0).rename(columns={"T2M_k": "t2m_K.1"}),
        "has column t2m_K twice; take one out",
        lambda t: t.drop(columns="t2m_K.1"),
    ),
    "no stations": (
        lambda t: t.assign(station_id=""),
        "has no row with station, latitude, longitude and time; fill these columns in",
        lambda t: t.assign(station_id=["0012", "0013", "0014"]),
    ),
    "one identifier": (
        lambda t: t.assign(station_id="7"),
        "every identifier is at several places; give each station its own",
        lambda t: t.assign(station_id=["0012", "0013", "0014"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_a_refusal_says_what_to_do_and_that_is_enough(tmp_path: Path, name: str) -> None:
    spoil, why, mend = UNITS[name]
    spoiled = spoil(reports())
    assert why in refused(tmp_path, spoiled)
    assert is_right(read(tmp_path, mend(spoiled)))


@pytest.mark.parametrize(
    ("variable", "change", "why", "back"),
    [
        ("t2m", lambda v: v - 273.15, "value looks like °C where variable is t2m; add 273.15", lambda v: v + 273.15),
        ("msl", lambda v: v / 100, "looks like hPa where variable is msl; multiply by 100", lambda v: v * 100),
        ("tp", lambda v: v * 1000, "looks like mm where variable is tp; divide by 1000", lambda v: v / 1000),
    ],
)  # fmt: skip
def test_so_it_is_with_one_value_a_row(
    tmp_path: Path, variable: str, change: Callable[[float], float], why: str, back: Callable[[float], float]
) -> None:
    table = values()
    rows = table["variable"] == variable
    table.loc[rows, "value"] = table.loc[rows, "value"].map(change)
    assert why in refused(tmp_path, table)
    table.loc[rows, "value"] = table.loc[rows, "value"].map(back)
    assert is_right(read(tmp_path, table))


def test_a_few_impossible_values_are_left_to_the_checks(tmp_path: Path) -> None:
    found = read(tmp_path, reports().assign(t2m_K=[281.5, 6.1, 298.75]))
    assert found.loc[found["variable"] == "t2m", "value"].tolist() == [281.5, 6.1, 298.75]


def test_wind_in_other_units_is_read_by_its_name(tmp_path: Path) -> None:
    for name, speed in {"wind_speed_kt": 10 * 1852 / 3600, "wind_speed_kmh": 10 / 3.6, "wind_speed_ms": 10.0}.items():
        found = read(tmp_path, reports().assign(**{name: 10.0}))
        assert found.loc[found["variable"] == "wind_speed", "value"].tolist() == pytest.approx([speed] * 3)


def test_small_rain_of_gauges_is_rain(tmp_path: Path) -> None:
    found = read(tmp_path, reports().assign(precip_mm=[0.01, 0.02, 0.1]))
    assert found.loc[found["variable"] == "tp", "value"].tolist() == pytest.approx([1e-5, 2e-5, 1e-4])


def test_one_identifier_at_two_places_is_left_out_and_of_two_networks_it_is_two(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, reports().assign(station_id=["7", "7", "8"]))
    assert set(found["station"]) == {"8"}
    assert "1 identifiers have several places: 7" in caplog.text
    found = read(tmp_path, reports().assign(station_id=["7", "7", "8"], network=["a", "b", "a"]))
    assert found.groupby("station")["latitude"].first().to_dict() == {"8": -31.5, "a:7": 30.5, "b:7": 30.75}


def test_rows_without_place_or_time_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, reports().assign(latitude=[30.5, -999, None]))
    assert set(found["station"]) == {"0012"}
    assert "2 rows without station, place or time are left out" in caplog.text


def test_columns_that_may_be_meant_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(tmp_path, reports().assign(dewpoint=5.0, remarks="fine"))
    assert "columns that are not read: dewpoint (as d2m_K?)" in caplog.text


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.txt", "a.psv", "excel.csv"])
def test_ghcnh_is_known_by_its_columns_in_any_kind_of_file(tmp_path: Path, name: str, old: bool) -> None:
    """Numbers, codes and traces as in the psv."""
    data = psv(
        [
            {"DATE": "2025-09-01T05:53:00", "temperature": "12.3", "temperature:q": "1", "temperature:s": "335",
             "precipitation_6_hour": "0.0", "precipitation_6_hour:m": "2"},
            {"DATE": "2025-09-01T12:00:00", "temperature": "14.5", "temperature:q": "7", "temperature:s": "335",
             "precipitation_6_hour": "2.5", "precipitation_6_hour:m": ""},
        ],
        old,
    )  # fmt: skip
    right = read_observations(put(tmp_path, data, "right.psv"))
    assert right[["time", "variable", "value", "quality"]].astype({"time": str}).to_numpy().tolist() == [
        ["2025-09-01 06:00:00", "t2m", pytest.approx(285.45), ""],
        ["2025-09-01 06:00:00", "tp", 0.0, ""],
        ["2025-09-01 12:00:00", "t2m", pytest.approx(287.65), "GHCNh: quality 7"],
        ["2025-09-01 12:00:00", "tp", pytest.approx(0.0025), ""],
    ]
    table = pd.read_csv(io.BytesIO(data), sep="|")
    if name.endswith("parquet"):
        table.to_parquet(tmp_path / name)
    else:
        table.to_csv(tmp_path / name, index=False, sep={"a.csv": ",", "a.txt": "\t", "a.psv": "|"}.get(name, ";"))
    pd.testing.assert_frame_equal(read_observations(str(tmp_path / name)), right)


def test_answers_of_metar_services_are_read_as_files(tmp_path: Path) -> None:
    now = (
        b'[{"icaoId":"ZHHH","lat":30.78,"lon":114.2,"elev":34,"obsTime":1736985180,"temp":5,"dewp":1,"wspd":4,'
        b'"wdir":20,"metarType":"METAR"}]'
    )
    iem = (
        "station,valid,lon,lat,elevation,tmpf,dwpf,mslp,sknt,drct,p01i\n"
        "ZHHH,2025-01-15 23:53,114.2,30.78,34.0,41.0,33.8,1021.5,4,20,T\n"
    )
    for data, name in ((now, "now.json"), (iem.encode(), "iem.csv")):
        found = read_observations(put(tmp_path, data, name)).set_index("variable")
        assert found.loc["t2m", "value"] == pytest.approx(278.15)
        assert set(found["time"]) == {pd.Timestamp("2025-01-16")}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "is a workbook of Excel, or a zip; save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "is a workbook of Excel; save its sheet as CSV"),
        (b"<!DOCTYPE html><html></html>", "is a page (HTML or XML)"),
        (b"GRIB" + b"\0" * 100, "is a gridded file (GRIB), and stations are wanted; --grid"),
        (b"\x89HDF\r\n" + b"\0" * 100, "is a gridded file (NetCDF), and stations are wanted"),
        (b"BZh9" + b"\1" * 100, "is packed by bzip2; unpack it, or pack it by gzip"),
        (three_hourly(), "is ISD-Lite, whose station is in its name; name it USAF-WBAN-year"),
        (b"STATION,DATE,LATITUDE,LONGITUDE,TMP,WND\n1,2025-01-16T00:00:00,30,114,\"+0123,1\",\"999,9,9,9999,9\"\n",
         "is NCEI's global-hourly (ISD), which is not read; fetch the same stations as GHCNh"),
        (csv().replace(",", " ").encode(), "has its columns between blanks; write commas, semicolons, tabs, bars"),
        (csv().replace("30.5,111.25", "30,5,111,25").encode(), "line 2 has 12 values of 10 columns; is a comma"),
        (b"\n\n# nothing\n", "has no line with the names of its columns"),
        (csv()[:-60].encode(), "ends within a line ('0014,a,'); is the file cut? Copy it again"),
        (csv().split("\n")[0].encode() + b"\n", "holds no observation of t2m"),
        (b"\0\1\2\3" * 50, "is no text in UTF-8, UTF-16, GB18030 or Windows-1252; save it as CSV in UTF-8"),
        (csv().encode() + b'"0015,a,1,2\n', "is no table"),
    ],
)  # fmt: skip
def test_other_kinds_of_files_are_named(tmp_path: Path, data: bytes, why: str) -> None:
    assert why in refused(tmp_path, data)


def test_isd_lite_under_the_name_that_noaa_gives_it_is_read(tmp_path: Path) -> None:
    put(tmp_path, HISTORY, "isd-history.csv")
    assert len(read_observations(put(tmp_path, three_hourly(), "999010-99999-2021"))) == 80


def test_a_line_of_ten_megabytes_is_one_error_at_once(tmp_path: Path) -> None:
    begun = time.monotonic()
    why = refused(tmp_path, csv().encode() + b"x" * 10_000_000 + b"\n" + csv().encode())
    assert "line 5 has 10,000,000 bytes; is a line break missing? Export the file again" in why
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("packed", [False, True])
def test_a_text_that_is_too_long_is_refused_and_read_as_parquet_or_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    many = pd.concat([reports()] * 200, ignore_index=True)
    monkeypatch.setattr(delimited, "MOST", 2000)
    text = many.to_csv(index=False).encode()
    why = refused(tmp_path, gzip.compress(text) if packed else text)
    assert "MiB are read; keep the days and places that are wanted, or write it as Parquet" in why
    many.to_parquet(tmp_path / "many.parquet")
    assert is_right(read_observations(str(tmp_path / "many.parquet")))
    assert is_right(read(tmp_path, many[:3]))


def test_a_text_that_is_too_long_is_not_read_at_all(tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(delimited.MOST + 1)  # of holes: takes no room on the disk
    begun = time.monotonic()
    with pytest.raises(BadInput, match="has 256 MiB or more"):
        read_observations(str(tmp_path / "big.csv"))
    assert time.monotonic() - begun < 2


def test_a_folder_says_which_file_is_too_long_or_cut(tmp_path: Path) -> None:
    (tmp_path / "a.psv").write_bytes(b"")
    with pytest.raises(UnreadableFile, match=r"a\.psv"):
        read_observations(str(tmp_path))


def test_heights_of_one_station_may_differ_by_rounding(tmp_path: Path) -> None:
    table = pd.concat([reports(), reports().assign(elevation_m=[257.0, 34.0, np.nan], time_utc="2025-01-16T06:00Z")])
    assert read(tmp_path, table).groupby("station")["elevation"].first().tolist() == [257.0, 34.0, 12.0]


def test_points_are_thousands_where_others_have_decimal_commas(tmp_path: Path) -> None:
    found = read(tmp_path, reports().assign(elevation_m=["257,5", "1.234", "2.048,5"]))
    assert found.groupby("station")["elevation"].first().tolist() == [257.5, 1234.0, 2048.5]


def test_tables_that_pandas_wrote_by_an_index_are_read(tmp_path: Path) -> None:
    assert is_right(read(tmp_path, values().assign(variable=values()["variable"].str.upper())))
    assert is_right(read_observations(put(tmp_path, csv().rstrip("\n"))))
    table = reports().assign(station_id=[57494.0, 57495.0, 57496.0]).set_index("time_utc")
    table.to_parquet(tmp_path / "a.parquet")
    assert set(read_observations(str(tmp_path / "a.parquet"))["station"]) == {"57494", "57495", "57496"}
