"""finescale export and finescale point: what they write and print, and what they say when they cannot."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from flows.products.at_height import relative_humidity
from flows.products.choose import Chosen, choose, steps_of, variables_of
from flows.products.export import export
from flows.products.export.micaps import text_of
from flows.products.places import Place, read_places
from flows.products.point import PointCell, PointForecast, forecasts
from flows.products.series import cells_of, compass
from tasks.errors import BadInput, StoreNotWritable
from tasks.store.ledger import LedgerEntry
from tasks.store.paths import in_store
from tasks.store.withdrawal import mark
from tests.conftest import ROOT
from tests.flows.conftest import CommandLine
from tests.grib import messages
from tests.published import GRID, HOURS, cycle_of, publish

PLACES = Path(__file__).with_name("places.csv")  # as people have them: Excel's mark, capitals, a name with a comma
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLD, NEW = cycle_of(NOW - timedelta(hours=12)), cycle_of(NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, LedgerEntry, LedgerEntry]:
    store = str(tmp_path_factory.mktemp("made") / "store")
    return store, publish(store, OLD), publish(store, NEW)


def point(region: str, latitude: float, longitude: float, **more: Any) -> PointForecast:
    (found,) = forecasts(region, [Place(latitude, longitude)], **more)
    return found


def field(store: str, entry: LedgerEntry) -> xr.Dataset:
    return xr.open_zarr(Path(store) / entry.product)


def test_newest_good_product_is_chosen_also_where_latest_json_lags(tmp_path: Path, made: tuple) -> None:
    store = str(shutil.copytree(made[0], tmp_path / "store"))
    assert choose("hubei", "hres", None, store).entry == made[2]
    mark(store, made[2], "withdrawn", "wrong terrain")  # killed before latest.json
    assert choose("hubei", "ifs", None, store).entry == made[1]
    with pytest.raises(BadInput, match=r"2026-11-22T00 is withdrawn \(wrong terrain\); leave --cycle out"):
        choose("hubei", "ifs", "2026-11-22T00", store)


def test_product_on_s3_is_exported(s3_store: str, tmp_path: Path) -> None:
    entry = publish(s3_store, NEW)
    (file,) = export("hubei", "netcdf", store=s3_store, output=str(tmp_path))
    with xr.open_dataset(file) as nc:
        from tasks.arrays import open_zarr

        np.testing.assert_array_equal(nc.t2m.values, open_zarr(in_store(s3_store, entry.product)).t2m.values)


def test_variables_and_lead_times_are_those_asked_for(tmp_path: Path, made: tuple) -> None:
    store, old, _ = made
    cycle = old.cycle.split("/")[1]
    options = {"store": store, "cycle": cycle, "variables": "tp", "lead_hours": "3,7-9", "output": str(tmp_path)}
    (file,) = export("hubei", "netcdf", **options)
    assert file.name == f"hubei-ifs-{cycle}.nc"
    with xr.open_dataset(file, decode_timedelta=True) as nc:
        assert set(nc.data_vars) & {"t2m", "tp"} == {"tp"}
        assert (nc.forecast_period / np.timedelta64(1, "h")).values.tolist() == [3, 9]
        np.testing.assert_array_equal(nc.tp.values, field(store, old).tp.values[[0, 2]])
    (tif,) = export("hubei", "geotiff", **options)
    assert tif.name == f"hubei-ifs-{cycle}-tp.tif"
    assert steps_of(old.lead_hours, None, old.cycle) == [0, 1, 2]
    assert variables_of(old, "tp, t2m,tp") == ["tp", "t2m"]


def test_grib_has_a_message_a_field_and_lead_time(tmp_path: Path, made: tuple) -> None:
    store, _, new = made
    (file,) = export("hubei", "grib2", store=store, output=f"{tmp_path}/g/")
    assert file.name == "hubei-ifs-2026-11-22T00.grib2"
    at, found = field(store, new), {}
    for data in messages(file):
        handle = eccodes.codes_new_from_message(data)
        keys = ("shortName", "startStep", "endStep", "dataDate", "dataTime", "centre", "Ni", "Nj", "units")
        name, start, stop, *rest = (eccodes.codes_get(handle, k) for k in keys)
        assert rest == [20261122, 0, "255", GRID.cols, GRID.rows, "K" if name == "2t" else "kg m**-2"]
        corner = [eccodes.codes_get(handle, f"{a}OfFirstGridPointInDegrees") for a in ("latitude", "longitude")]
        np.testing.assert_allclose(corner, [float(at.latitude[0]), float(at.longitude[0])], atol=1e-6)
        found[name, int(start), int(stop)] = eccodes.codes_get_values(handle).reshape(GRID.rows, GRID.cols)
    assert set(found) == {("2t", h, h) for h in (3, 6, 9)} | {("tp", 0, 3), ("tp", 3, 6), ("tp", 6, 9)}
    for i, hour in enumerate((3, 6, 9)):
        np.testing.assert_allclose(found["2t", hour, hour], at.t2m.values[i], atol=2e-3)
        np.testing.assert_allclose(found["tp", hour - 3, hour], 1000 * at.tp.values[i], atol=2e-3)


def test_micaps_has_a_file_a_lead_time_by_beijing_time(tmp_path: Path, made: tuple) -> None:
    store, _, new = made
    files = export("hubei", "micaps", store=store, output=f"{tmp_path}/m/", lead_hours="3,9")
    assert [str(f.relative_to(tmp_path / "m")) for f in files] == [
        f"hubei-ifs-2026-11-22T00/{name}/26112208.{hour}" for name in ("t2m", "tp") for hour in ("003", "009")
    ], "00 UTC is 08 in Beijing"
    lines = files[1].read_text().splitlines()
    assert lines[:2] == ["diamond 4 finescale_hubei_ifs_t2m_degC_2026112208+9h_BJT", "2026 11 22 08 9 0"]
    dx, dy, west, east, north, south, cols, rows, interval, first, last, *_ = map(float, lines[2].split())
    at = field(store, new)
    assert (dx, dy, cols, rows) == (GRID.dlon, -GRID.dlat, GRID.cols, GRID.rows)
    ends = [at.longitude[0], at.longitude[-1], at.latitude[0], at.latitude[-1]]
    np.testing.assert_allclose([west, east, north, south], [float(v) for v in ends], atol=1e-4)
    values = np.array([line.split() for line in lines[3:]], float)
    np.testing.assert_allclose(values, at.t2m.values[2] - 273.15, atol=6e-3)
    assert first <= values.min() < first + interval
    assert last - interval < values.max() <= last


def test_micaps_is_plain_letters_and_whole_hours() -> None:
    grid = {"step": [np.timedelta64(3, "h")], "latitude": [31.0, 30.9875], "longitude": [108.3375, 108.35]}
    dims = ("step", "latitude", "longitude")
    fields = xr.Dataset({"tcwv": (dims, np.full((1, 2, 2), -0.001))}, grid)
    entry = LedgerEntry.model_construct(region="hubei", cycle="ifs/2026-12-31T18", spacing=0.0125, lead_hours=[1.5])
    text = text_of(Chosen(entry, ""), fields, "tcwv", 3.0)
    assert text.isascii()
    assert "_kg/m2_" in text.splitlines()[0]
    assert text.splitlines()[2].split()[:6] == ["0.0125", "-0.0125", "108.3375", "108.35", "31", "30.9875"]
    assert text.splitlines()[3:] == ["0.00 0.00", "0.00 0.00"], "no minus before a zero"


def test_micaps_has_wind_as_one_field_of_both_components_and_says_what_is_missing() -> None:
    u, v = np.array([[1.0, 2.0], [np.nan, 4.0]], np.float32), np.full((2, 2), -3.0, np.float32)
    grid = {"step": [np.timedelta64(3, "h")], "latitude": [31.0, 30.5], "longitude": [112.0, 112.5]}
    both = {n: (("step", "latitude", "longitude"), f[None]) for n, f in (("u10", u), ("v10", v))}
    entry = LedgerEntry.model_construct(region="hubei", cycle="ifs/2026-12-31T18", spacing=0.5)
    lines = text_of(Chosen(entry, ""), xr.Dataset(both, grid), "wind_speed", 3.0).splitlines()
    assert lines == [
        "diamond 11 finescale_hubei_ifs_wind_m/s_2027010102+3h_BJT",
        "2027 01 01 02 3 0", "0.5 -0.5 112 112.5 31 30.5 2 2",
        "1.00 2.00", "9999.00 4.00", "-3.00 -3.00", "-3.00 -3.00",
    ]  # fmt: skip


def test_table_of_a_place_is_in_units_people_use_and_opens_in_a_spreadsheet(tmp_path: Path, made: tuple) -> None:
    store, _, new = made
    options = {"store": store, "latitude": 30.6, "longitude": 114.3, "output": f"{tmp_path}/new/"}
    (file,) = export("hubei", "csv-point", **options)
    assert file.name == "hubei-ifs-2026-11-22T00-30.6-114.3.csv", "in a folder, as its slash says"
    assert file.read_bytes()[:3] == b"\xef\xbb\xbf", "or Excel takes ° for something else"
    table = pd.read_csv(file)
    assert list(table) == ["time [UTC]", "lead [h]", "t2m [°C]", "tp [mm]"]
    assert table["time [UTC]"].tolist() == ["2026-11-22 03:00", "2026-11-22 06:00", "2026-11-22 09:00"]
    at = field(store, new).sel(latitude=30.5, longitude=114.25, method="nearest")
    np.testing.assert_allclose(table["t2m [°C]"], at.t2m.values - 273.15, atol=6e-4)
    np.testing.assert_allclose(table["tp [mm]"], at.tp.values * 1000, atol=6e-4)


def test_a_place_on_an_edge_lies_in_one_cell_and_the_outermost_edges_are_the_products() -> None:
    axes = {"latitude": [31.0, 30.75, 30.5], "longitude": [114.0, 114.25, 114.5, 114.75]}
    xr.Dataset(coords=axes).to_zarr(store := MemoryStore(), zarr_format=3)
    product = zarr.open_group(store, mode="r")

    def at(lat: float, lon: float) -> tuple[int, int]:
        (cell,) = cells_of(product, [Place(lat, lon)], "x")
        return cell.row, cell.col

    assert at(31.125, 113.875) == (0, 0)
    assert at(30.375, 114.875) == (2, 3)
    assert [at(lat, 114.0)[0] for lat in (30.875, 30.625)] == [1, 2]
    assert [at(31.0, lon)[1] for lon in (114.125, 114.375, 114.625)] == [1, 2, 3]
    for lat, lon in ((31.13, 114), (30.37, 114), (31, 113.87), (31, 114.88), (np.nan, 114), (31, np.inf)):
        with pytest.raises(BadInput, match="--lat"):
            at(lat, lon)


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As on a full disk, for this process; no longer than needed, for it holds for pytest's own files too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("format", "kilobytes"), [("netcdf", 10), ("geotiff", 20)])
def test_files_that_find_no_room_are_one_line_and_nothing_is_left(
    tmp_path: Path, made: tuple, format: str, kilobytes: int, finescale: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 and GDAL have words of their own for it."""
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    with no_file_grows_beyond(kilobytes * 1000):
        done = finescale("export", "hubei", "--format", format, "--store", made[0])
    assert done.exit_code == StoreNotWritable.exit_code, done.stderr
    assert "MB free" in done.stderr.splitlines()[-1]
    assert list(out.iterdir()) == []


def test_files_are_not_replaced_unasked(tmp_path: Path, made: tuple) -> None:
    store, out = made[0], tmp_path / "out"
    files = export("hubei", "geotiff", store=store, output=str(out))
    assert sorted(out.iterdir()) == sorted(files)
    with pytest.raises(BadInput, match=r"t2m\.tif is there already; --force"):
        export("hubei", "geotiff", store=store, output=str(out))
    assert export("hubei", "geotiff", store=store, output=str(out), force=True) == files


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("export hubei --format netcdf --source era5", 3, "no good product of era5 in"),
        ("export hubei --format netcdf --cycle 2001-01-01T00", 2, "2001-01-01T00 is not in the ledger"),
        ("export hubei --format grib", 2, "--format 'grib' is not one of netcdf, geotiff, grib2, micaps,"),
        ("export hubei --format grib", 2, "csv-point; did you mean grib2?"),
        (
            "export hubei --format csv",
            2,
            "; did you mean csv-point? It is a table of one place, --lat and --lon, or",
        ),
        ("export hubei --format zarr", 2, "a product is Zarr as it is"),
        ("export hubei --format netcdf --variables t2m,foo", 2, "unknown variable 'foo'; known are: t2m"),
        ("export hubei --format netcdf --variables msl", 2, "ifs/2026-11-22T00 has no msl; it has t2m, tp"),
        ("export hubei --format netcdf --variables ,", 2, "write them like t2m,tp"),
        ("export hubei --format netcdf --lead-hours 3,100", 2, "no such lead time; it has 3, 6, 9 h"),
        ("export hubei --format netcdf --lead-hours x", 2, "write hours like 3,6,9, 0-48 or 24-"),
        ("export hubei --format netcdf --lat 30 --lon 114", 2, "--lat and --lon go with csv-point"),
        ("export hubei --format csv-point --lat 30", 2, "of one place, --lat and --lon, or of many, --places FILE"),
        (
            "export hubei --format csv-point --lat 50 --lon 114",
            2,
            "--lat 50 --lon 114 is outside hubei, which is 30.",
        ),
        ("export hubei --format geotiff --output a.tif", 2, "name the folder that they go to"),
        ("export hubei --format netcdf --output s3://a/b.nc", 2, "to a local folder only"),
        ("export atlantis --format netcdf", 2, "unknown region 'atlantis'"),
        ("point hubei --lat 31 --lon 200", 2, "is outside hubei"),
        ("point hubei --lat 111 --lon 31", 2, "are latitude and longitude swapped?"),
        ("point hubei --lat 31 --lon 471", 2, "give degrees, south and west negative"),
        ("point hubei Wuhn", 2, "no place 'Wuhn': did you mean Wuhan 武汉"),
        ("point hubei Beijing", 2, "places.csv has those that it knows; any other goes by --lat and --lon"),
        ("point hubei Wuhan --lat 31 --lon 112", 2, "give a place's name, or --lat and --lon"),
        ("point hubei --lat 31 --lon 112 --timezone CST", 2, "no time zone 'CST': give a name like Asia/Shanghai"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(
    finescale: CommandLine, made: tuple, arguments: str, code: int, said: str
) -> None:
    shown = finescale(*arguments.split(), "--store", made[0])
    assert (shown.exit_code, said in shown.output) == (code, True), shown.output
    assert len(shown.output.strip().splitlines()) == 1


def test_a_place_is_its_cell_at_any_way_of_writing_longitudes(made: tuple) -> None:
    store, _, new = made
    west, east = (point("hubei", 31.1, lon, store=store) for lon in (112.3, 112.3 - 360))
    assert west.cell == east.cell == PointCell(latitude=31.0, longitude=112.25, height=100.0, land=None)
    values = field(store, new).t2m.sel(latitude=31.0, longitude=112.25).values
    np.testing.assert_allclose([step.model_extra["t2m"] for step in west.series], values - 273.15, atol=1e-3)
    edge = point("hubei", GRID.north + 0.12, GRID.west - 0.12, store=store)
    assert edge.cell.latitude == GRID.north
    with pytest.raises(BadInput, match="outside"):
        point("hubei", GRID.north + 0.13, GRID.west, store=store)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("point hubei Wuhan --daily --runs 2", "--daily has neither --runs nor --chance"),
        ("point hubei Wuhan --utc --timezone Asia/Tokyo", "give one of them"),
        ("point hubei Wuhan --elevation -9999", "from -500 to 9000 m"),
        ("point hubei --lat 30.6E --lon 114", "is east or west: swapped"),
        ("export hubei --format micaps --output /proc/x/", "/proc/x"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    finescale: CommandLine, made: tuple, arguments: str, why: str
) -> None:
    shown = finescale(*arguments.split(), "--store", made[0])
    assert shown.exit_code != 0
    assert why in shown.output
    assert "Traceback" not in shown.output


def test_lead_hours_may_be_from_one_on(made: tuple) -> None:
    assert steps_of(made[2].lead_hours, "6-", made[2].cycle) == [1, 2]


def test_tables_as_spreadsheets_leave_them_are_read(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("lat,lon,alt\n30.6,114.3,-9999\n,,\n30.6N,114.3E,120\n")
    assert [(p.elevation, p.name) for p in read_places(file)] == [(None, "line 2"), (120.0, "line 4")]
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):  # Excel's CSV in China is GBK
        file.write_bytes("名称,纬度,经度,海拔\n武汉站,30.6,114.05,23.1\n".encode(encoding))
        assert read_places(file) == [Place(30.6, 114.05, 23.1, "武汉站")]
    for separator in ";\t":
        file.write_text("name,lat,lon\nA,30.6,114.3\n".replace(",", separator))
        assert read_places(file) == [Place(30.6, 114.3, None, "A")]
    for content, told in (
        ("lat,lon\n114.3E,30.6N\n", "is east or west: swapped"),
        ("lat,lon,alt\n30,114,77000\n", "is no height on land"),
        ("lat:lon\n30:114\n", "has to name columns latitude and longitude, and names lat:lon"),
        ("lat:lon\n30:114\n", "; write it like name,latitude,longitude,elevation"),
        (
            '{"type": "FeatureCollection"}',
            "is JSON, as GeoJSON is; give places as a CSV table with the first line n",
        ),
        ('lat,lon\n"' + "x" * 200_000, "is a quotation mark open"),
    ):
        file.write_text(content)
        with pytest.raises(BadInput, match=told):
            read_places(file)


def test_temperature_is_brought_to_the_height_of_the_place_and_that_is_said(
    finescale: CommandLine, made: tuple
) -> None:
    place = ("point", "hubei", "--lat", "31", "--lon", "112", "--store", made[0])
    plain, high = (json.loads(finescale(*place, "--json", *more).stdout) for more in ((), ("--elevation", "600")))
    lower = [a["t2m"] - b["t2m"] for a, b in zip(plain["series"], high["series"], strict=True)]
    np.testing.assert_allclose(lower, 500 * 0.0065, atol=2e-3)
    assert [r["tp"] for r in plain["series"]] == [r["tp"] for r in high["series"]]
    shown = finescale(*place, "--elevation", "600", "--timezone", "Asia/Shanghai").output.splitlines()
    assert shown[0].startswith("hubei ifs/2026-11-22T00, ")
    assert shown[0].endswith(" since its start; unverified")
    assert shown[1] == "cell 31 north, 112 east; terrain 100 m"
    assert shown[2] == "rain: of the 3 h before each time"
    assert shown[3].startswith("from 100 m to 600 m: temperature by 6.5 K/km, dew point and pressure with it; all else")
    assert shown[4].split() == ["time", "UTC+08:00", "lead", "h", "t2m", "°C", "rain", "mm"]
    assert shown[5].split()[:3] == ["2026-11-22", "11:00", "3"]
    assert len(shown) == 5 + len(HOURS)
    gaps = finescale(*place, "--lead-hours", "3,9").output
    assert "rain: of the 3 h before each time; what comes in between is in none of these times" in gaps


def test_times_are_those_of_the_region_unless_another_zone_is_asked_for(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    publish(store, NEW, timezone="Asia/Shanghai")
    place = ("point", "hubei", "--lat", "31", "--lon", "112", "--store", store)
    rows = [finescale(*place, *more).output.splitlines() for more in ((), ("--utc",), ("--timezone", "+05:45"))]
    assert [r[3].split()[1] for r in rows] == ["UTC+08:00", "UTC", "UTC+05:45"]
    assert [r[4].split()[:2] for r in rows] == [
        ["2026-11-22", "11:00"],
        ["2026-11-22", "03:00"],
        ["2026-11-22", "08:45"],
    ]
    (file,) = export("hubei", "csv-point", store=store, latitude=31, longitude=112, output=f"{tmp_path}/new/")
    table = pd.read_csv(file)
    assert list(table)[:3] == ["time [UTC]", "time [Asia/Shanghai]", "lead [h]"]
    assert table.iloc[0, :2].tolist() == ["2026-11-22 03:00", "2026-11-22 11:00"]


def test_a_place_may_be_called_by_its_name(finescale: CommandLine, made: tuple) -> None:
    command = ("--store", made[0], "--json")
    by_name = [json.loads(finescale("point", "hubei", n, *command).stdout) for n in ("Wuhan", "武汉市", "wu-han")]
    there = json.loads(finescale("point", "hubei", "--lat", "30.583", "--lon", "114.267", *command).stdout)
    for found in by_name:
        assert found["place"] == "Wuhan 武汉"
        assert found["series"] == there["series"]
    high = json.loads(finescale("point", "hubei", "Wuhan", "--elevation", "1100", *command).stdout)
    assert high["series"][0]["t2m"] < there["series"][0]["t2m"] - 5


def test_json_has_the_documented_keys_and_age(made: tuple) -> None:
    found = point("hubei", 31, 112, store=made[0], now=NOW + timedelta(hours=7.5))
    found = json.loads(found.model_dump_json())
    table = (ROOT / "docs/clients.md").read_text().split("| key | what |\n|---|---|\n")[1].split("\n\n")[0]
    documented = [key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(found) == sorted(documented)
    assert set(found["cell"]) == {"latitude", "longitude", "height", "land"}
    assert found["age_hours"] == 7.5
    assert set(found["series"][0]) == {"time", "lead_hours", *found["units"]}
    assert found["series"][0]["time"] == "2026-11-22T03:00+00:00"


def test_many_places_are_a_table_that_has_what_each_would_have_alone(finescale: CommandLine, made: tuple) -> None:
    asked = ("point", "hubei", "--places", PLACES, "--store", made[0])
    table = pd.read_csv(io.StringIO(finescale(*asked).stdout), parse_dates=["time"])
    places = read_places(PLACES)
    assert [(p.name, p.elevation) for p in places] == [
        ("Wuhan, Hankou", None),
        ("Shennongjia", 1700.0),
        ("line 4", None),
    ]
    assert table["place"].tolist() == [p.name for p in places for _ in HOURS]
    for place, (_, rows) in zip(places, table.groupby("place", sort=False), strict=True):
        (alone,) = forecasts("hubei", [place], store=made[0])
        for name, unit in alone.units.items():
            assert rows[f"{name} [{unit}]"].tolist() == [step.model_extra[name] for step in alone.series], place
        assert rows["time"].tolist() == [step.time for step in alone.series]
    whole = json.loads(finescale(*asked, "--json").stdout)
    assert [(w["place"], w["elevation"]) for w in whole] == [(p.name, p.elevation) for p in places]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("name:lat:lon\nWuhan:30.6:114.3\n", ["has to name columns latitude and longitude", "names name:lat:lon"]),
        ("lat,lon\n30.6,114.3\n30.6,\nx,114\n1e999,1\n", ["line 3: '' is no number", "line 4: 'x'", "line 5: '1e999'"]),
        ("lat,lon\n" + "x,y\n" * 9, ["line 2", "line 4", "and 6 more"]),
        ("lat,lon\n", ["no places in it"]),
        ("", ["has to name columns latitude and longitude, and there is none"]),
        ("name,lat,lon\nLhasa,29.65,91.1\nXining,36.6,101.8\n", ["Lhasa (29.65 north, 91.1 east) is outside hubei"]),
        (b"lat,lon\n\0\0\xff\xfe,1\n", ["is no text in UTF-8, UTF-16, GB18030"]),
        (None, ["No such file"]),
    ],
)  # fmt: skip
def test_a_table_that_names_no_places_is_one_line_that_says_where(
    table: str | bytes | None, words: list[str], finescale: CommandLine, made: tuple, tmp_path: Path
) -> None:
    file = tmp_path / "places.csv"
    if table is not None:
        file.write_bytes(table.encode() if isinstance(table, str) else table)
    done = finescale("point", "hubei", "--places", file, "--store", made[0])
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1), done.output
    assert not [w for w in words if w not in done.output], done.output


def test_a_list_of_places_is_not_written_over(finescale: CommandLine, tmp_path: Path) -> None:
    list_of = tmp_path / "parks.csv"
    list_of.write_text("name,latitude,longitude\nA,30.6,114.3\n")
    to = ("--places", list_of, "--output", list_of, "--force")
    result = finescale("export", "hubei", "--format", "csv-point", "--store", tmp_path / "none", *to)
    assert result.exit_code == 2
    assert "is a file that is read here, and would be lost; write to another" in result.stderr
    assert list_of.read_text().startswith("name,")


def test_of_several_places_those_outside_are_left_out_and_named(
    finescale: CommandLine, made: tuple, tmp_path: Path
) -> None:
    file = tmp_path / "places.csv"
    file.write_text("name;lat;lon\nLhasa;29.65;91.1\nWuhan;30.6;114.3\nXining;36.6;101.8\n")
    done = finescale("point", "hubei", "--places", file, "--store", made[0])
    assert done.exit_code == 0, done.stderr
    assert "left out: Lhasa (29.65 north, 91.1 east) is outside hubei" in done.stderr
    assert done.stderr.rstrip().endswith("and 1 more")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["place"], row["height [m]"]) for row in rows] == [("Wuhan", "100.0")] * len(HOURS)
    wanted = {"store": made[0], "variables": "t2m", "places": file, "every_hour": True}
    (table,) = export("hubei", "csv-point", output=str(tmp_path / "t.csv"), **wanted)
    found = pd.read_csv(table)
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
    assert found["place"].unique().tolist() == ["Wuhan"]
    assert found["lead [h]"].tolist() == [float(h) for h in range(HOURS[0], HOURS[-1] + 1)]
    assert found.loc[found["interpolated"] == 0, "lead [h]"].tolist() == [float(h) for h in HOURS]
    (some,) = export("hubei", "csv-point", output=str(tmp_path / "u.csv"), lead_hours="4-5", **wanted)
    assert pd.read_csv(some)["lead [h]"].tolist() == [4, 5], "hours that are no lead times"


@pytest.mark.parametrize("given", [(), ("--lat", "31"), ("--places", PLACES, "--lat", "31", "--lon", "112")])
def test_a_place_or_a_file_of_them_is_asked_for(given: tuple, finescale: CommandLine, made: tuple) -> None:
    done = finescale("point", "hubei", *given, "--store", made[0])
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
    assert "--places and a file" in done.output


def test_humidity_and_wind_as_in_tables() -> None:
    # WMO-No. 8: saturation over water at 20 degC 23.37 hPa, at 10 degC 12.27 hPa
    np.testing.assert_allclose(
        relative_humidity(np.array([293.15]), np.array([283.15])), 100 * 12.27 / 23.37, rtol=2e-3
    )
    assert relative_humidity(np.array([280.0]), np.array([280.0])).tolist() == [100.0]
    assert [compass(d) for d in (360, 44, 180, 270, 359, 0)] == ["N", "NE", "S", "W", "N", "calm"]


def test_what_goes_to_a_file_is_utf_8_whatever_the_system_writes(made: tuple) -> None:
    """A job of Windows writes its code page, which has neither Chinese nor a superscript."""
    program = [
        sys.executable,
        "-c",
        "from flows.commands.app import main; main()",
        "point",
        "hubei",
        "武汉",
        "--store",
        made[0],
    ]
    done = subprocess.run(
        program, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"}, cwd=ROOT, check=True
    )
    assert "Wuhan 武汉: cell" in done.stdout.decode("utf-8")


@pytest.mark.parametrize(
    "command",
    [
        ("point", "hubei", "--lat", "30.6", "--lon", "114.3", "--source", "ifs"),
        ("point", "hubei", "--places", str(PLACES)),
        ("districts", "hubei", str(PLACES.with_name("district.geojson"))),
        ("export", "hubei", "--format", "csv-point", "--lat", "30.6", "--lon", "114.3", "--source", "ifs"),
        ("regions", "list"),
        ("models", "list"),
        ("status", "hubei"),
    ],
    ids=lambda c: " ".join(c[:2]),
)
def test_who_reads_a_few_values_waits_for_no_library_that_is_not_needed(
    command: tuple[str, ...], made: tuple, tmp_path: Path
) -> None:
    """Modules are counted, and not seconds: torch, Prefect, xarray and pandas take half a second each and more."""
    program = (
        "import sys; from flows.commands.app import app, runtime; runtime.set_up(); "
        "app(sys.argv[1:], standalone_mode=False); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    there = {"FINESCALE_STORE": made[0], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=True, cwd=tmp_path,
        env=os.environ | there,
    )  # fmt: skip
    loaded = set(done.stdout.splitlines()[-1].split())
    # what is missing is asked of the source, which reads answers of all kinds
    allowed = {"eccodes", "requests"} if command[0] == "status" else set()
    assert not (loaded - allowed) & {
        "torch",
        "prefect",
        "xarray",
        "pandas",
        "pyarrow",
        "scipy",
        "matplotlib",
        "eccodes",
        "requests",
    }
