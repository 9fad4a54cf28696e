"""Districts: which cells lie in a polygon, what becomes of their values, and files that are none."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import xarray as xr

from flows.products.choose import choose
from flows.products.districts import over_districts
from flows.products.polygons import districts_of, read_polygons
from tasks.errors import BadInput
from tasks.grids.grid import Grid
from tasks.store.paths import in_store
from tests.flows.conftest import CommandLine
from tests.published import GRID, HOURS, cycle_of, publish

START = datetime(2026, 11, 20, tzinfo=UTC)
CYCLE = cycle_of(START)
# three rows and four columns of whole cells; latitude of their centres 32.5, 32.25, 32.0
WHOLE = [[110.375, 31.875], [111.375, 31.875], [111.375, 32.625], [110.375, 32.625], [110.375, 31.875]]


def feature(ring: Any, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    coordinates = [ring] if kind == "Polygon" else ring
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def square(west: float, south: float, side: float) -> list[list[float]]:
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def written(folder: Path, *features: dict[str, Any], **more: Any) -> Path:
    file = folder / "districts.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)} | more), encoding="utf-8")
    return file


@pytest.fixture
def product(tmp_path: Path) -> xr.Dataset:
    store = str(tmp_path / "store")
    publish(store, CYCLE, timezone="Asia/Shanghai")
    return xr.open_zarr(in_store(store, choose("hubei", "ifs", None, store).entry.product)).load()


def test_whole_cells_have_their_own_mean_lowest_and_highest(product: xr.Dataset, tmp_path: Path) -> None:
    found = over_districts("hubei", written(tmp_path, feature(WHOLE, name="宜昌")), store=str(tmp_path / "store"))
    here = product["t2m"].sel(latitude=slice(32.6, 31.9), longitude=slice(110.4, 111.3))
    assert here.shape == (3, 3, 4)
    weights = np.cos(np.deg2rad(here["latitude"]))
    assert found.within == {"宜昌": 100.0}
    assert [row.lead_hours for row in found.series] == HOURS
    assert found.series[0].time == "2026-11-20T11:00+08:00"
    for i, row in enumerate(found.series):
        its = row.values["t2m"]
        assert its.mean == pytest.approx(float(here[i].weighted(weights).mean()) - 273.15, abs=6e-4)
        assert its.lowest == pytest.approx(float(here[i].min()) - 273.15, abs=6e-4)
        assert its.highest == pytest.approx(float(here[i].max()) - 273.15, abs=6e-4)


def test_parts_of_cells_count_by_their_area_as_shapely_has_it(product: xr.Dataset, tmp_path: Path) -> None:
    ring = [[110.4, 31.3], [113.1, 31.5], [112.2, 32.9], [111.0, 32.1], [110.4, 31.3]]
    found = over_districts("hubei", written(tmp_path, feature(ring, name="a")), store=str(tmp_path / "store"))
    polygon, cells = shapely.Polygon(ring), product["t2m"][0]
    lat, lon = np.meshgrid(cells["latitude"], cells["longitude"], indexing="ij")
    shares = shapely.area(
        shapely.intersection(polygon, shapely.box(lon - 0.125, lat - 0.125, lon + 0.125, lat + 0.125))
    )
    weights = shares * np.cos(np.deg2rad(lat))
    its = found.series[0].values["t2m"]
    assert its.mean == pytest.approx(float((cells.values * weights).sum() / weights.sum()) - 273.15, abs=6e-4)
    inner = cells.values[shares >= 0.5 * 0.0625]
    assert (its.lowest, its.highest) == pytest.approx((inner.min() - 273.15, inner.max() - 273.15), abs=6e-4)


def test_a_hole_is_no_part_and_parts_of_one_name_are_one_district() -> None:
    grid = Grid(10.0, 0.0, 1.0, 1.0, 11, 11)
    holed = [square(0.5, 0.5, 6), square(2.5, 2.5, 2)]
    far = [square(7.5, 7.5, 1)]
    polygons = {"a": [{"type": "Polygon", "coordinates": c} for c in (holed, far)]}
    (found,) = districts_of(polygons, grid, "here")
    assert (found.shares.sum(), len(found.cells)) == (36 - 4 + 1, 33)
    assert found.within == 1.0


@pytest.mark.parametrize("west", [176.0, -184.0])
def test_a_polygon_over_180_degrees_lies_in_a_grid_over_180_degrees(west: float) -> None:
    grid = Grid(10.0, 175.0, 1.0, 1.0, 11, 11)
    polygons = {"a": [{"type": "Polygon", "coordinates": [square(west - 0.5, 1.5, 6)]}]}
    (found,) = districts_of(polygons, grid, "here")
    assert found.shares.tolist() == [1.0] * 36
    assert np.unique(found.cells % 11).tolist() == [1, 2, 3, 4, 5, 6]


def test_a_district_smaller_than_a_cell_has_that_cells_value(product: xr.Dataset, tmp_path: Path) -> None:
    file = written(tmp_path, feature(square(111.45, 32.2, 0.04), name="field"))
    its = over_districts("hubei", file, store=str(tmp_path / "store")).series[1].values["t2m"]
    value = float(product["t2m"][1].sel(latitude=32.25, longitude=111.5)) - 273.15
    assert (its.mean, its.lowest, its.highest) == pytest.approx((value, value, value), abs=6e-4)


def test_what_lies_outside_is_told_and_of_what_lies_in_part_how_much(
    product: xr.Dataset, tmp_path: Path, finescale: CommandLine
) -> None:
    edge = square(GRID.west - 0.125 - 3, 31.375, 4)
    file = written(tmp_path, feature(edge, name="edge"), feature(square(20, 31, 1), name="far"))
    result = finescale("districts", "hubei", file, "--store", tmp_path / "store", "--utc")
    assert result.exit_code == 0
    assert "1 of 2 polygons lie outside hubei: far" in result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    wanted = {"district": "edge", "within [%]": "10.9", "time": "2026-11-20T03:00+00:00"}
    assert rows[0].items() >= wanted.items()
    file = written(tmp_path, feature(square(20, 31, 1), name="far"))
    result = finescale("districts", "hubei", file, "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert "none of 1 polygons lies in hubei, which is 30.25 to 33 north" in result.stderr


def test_shares_of_the_area_and_of_sums(product: xr.Dataset, tmp_path: Path) -> None:
    file, store = written(tmp_path, feature(WHOLE, name="a")), str(tmp_path / "store")
    found = over_districts("hubei", file, store=store, shares=["t2m>12", "tp/6h>1.5"])
    here = product.sel(latitude=slice(32.6, 31.9), longitude=slice(110.4, 111.3))
    weights = np.cos(np.deg2rad(here["latitude"]))
    warm = (here["t2m"] > 285.15).weighted(weights).mean(("latitude", "longitude"))
    assert [row.shares["t2m>12"] for row in found.series] == pytest.approx((100 * warm).values.round(1).tolist())
    wet = [
        float(100 * ((here["tp"][i - 1] + here["tp"][i]) > 0.0015).weighted(weights).mean()) if i else None
        for i in range(3)
    ]
    said = [row.shares["tp/6h>1.5"] for row in found.series]
    assert said[0] is None, "six hours have not gone by"
    assert said[1:] == pytest.approx(np.round(np.array(wet[1:], float), 1).tolist())


def test_a_day_is_made_cell_by_cell(tmp_path: Path) -> None:
    file, store = written(tmp_path, feature(WHOLE, name="a")), str(tmp_path / "store")
    publish(store, CYCLE, hours=list(range(3, 31, 3)))
    found = over_districts("hubei", file, store=store, daily=True, shares=["tp_sum>9"])
    (row,) = found.series
    assert (row.time, row.lead_hours) == ("2026-11-20", None)
    here = xr.open_zarr(choose("hubei", "ifs", None, store).uri)
    here = here.sel(latitude=slice(32.6, 31.9), longitude=slice(110.4, 111.3)).load()
    weights = np.cos(np.deg2rad(here["latitude"]))
    rain = 1000 * here["tp"][:8].sum("step")  # to 24 h
    assert row.values["tp_sum"].mean == pytest.approx(float(rain.weighted(weights).mean()), abs=6e-4)
    assert row.values["tp_sum"].highest == pytest.approx(float(rain.max()), abs=6e-4)
    assert row.shares["tp_sum>9"] == pytest.approx(float(100 * (rain > 9).weighted(weights).mean()), abs=0.06)
    warmest = here["t2m"][:7].max("step") - 273.15  # midnight is the next day's
    assert row.values["t2m_max"].lowest == pytest.approx(float(warmest.min()), abs=6e-4)
    assert row.values["t2m_max"].mean == pytest.approx(float(warmest.weighted(weights).mean()), abs=6e-4)


def test_a_missing_cell_is_no_part_of_the_mean(product: xr.Dataset, tmp_path: Path) -> None:
    import zarr

    file, store = written(tmp_path, feature(WHOLE, name="a")), str(tmp_path / "store")
    array = zarr.open_array(choose("hubei", "ifs", None, store).uri, path="t2m", mode="r+")
    array[0, 2, 2:4], array[2] = np.nan, np.nan
    found = over_districts("hubei", file, store=store).series
    here = product["t2m"][0].sel(latitude=slice(32.6, 31.9), longitude=slice(110.4, 111.3)).copy()
    here[0, :2] = np.nan
    wanted = float(here.weighted(np.cos(np.deg2rad(here["latitude"]))).mean()) - 273.15
    assert found[0].values["t2m"].mean == pytest.approx(wanted, abs=6e-4)
    assert found[0].values["t2m"].highest == pytest.approx(float(here.max()) - 273.15, abs=6e-4)
    assert found[2].values["t2m"].model_dump() == {"mean": None, "lowest": None, "highest": None}


def test_json_has_what_the_table_has(product: xr.Dataset, tmp_path: Path, finescale: CommandLine) -> None:
    file = written(tmp_path, feature(WHOLE, adcode=420500), feature(square(112, 31, 1), adcode=420600))
    asked = ("districts", "hubei", file, "--name", "adcode", "--store", tmp_path / "store", "--share", "tp>0.5")
    found = json.loads(finescale(*asked, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(finescale(*asked).stdout)))
    assert [row["district"] for row in rows] == [one["district"] for one in found["series"]]
    assert list(found["within"]) == ["420500", "420600"]
    for row, one in zip(rows, found["series"], strict=True):
        assert float(row["t2m highest [°C]"]) == one["values"]["t2m"]["highest"]
        assert float(row["tp>0.5 [% of the area]"]) == one["shares"]["tp>0.5"]


WRONG = {
    "text": ("{", "is no JSON in UTF-8; give polygons as GeoJSON"),
    "no features": ('{"features": []}', "is no GeoJSON with features"),
    "points": (json.dumps(feature([1, 2], "Point", name="p")), "p is a Point, not a polygon"),
    "nothing": ('{"type": "Feature", "properties": {}, "geometry": null}', "a feature without geometry"),
    "metres": (json.dumps(feature(square(500000, 3400000, 9000), name="x")), "are no degrees; write the file in EPSG"),
    "a line": (json.dumps(feature([[1, 1], [5, 5]], name="line")), "is no polygon of closed rings of four points"),
    "open": (json.dumps(feature([[1, 1], [5, 5], [5, 1], [1, 2]], name="o")), "is no polygon of closed rings"),
    "no coordinates": ('{"type": "MultiPolygon"}', "is no polygon of closed rings"),
    "a word": ('{"type": "Feature", "geometry": "here"}', "a feature without geometry"),
    "nested": (json.dumps(feature([[[1, 1]]], name="deep")), "is no polygon of closed rings of four points"),
    "another crs": (
        json.dumps({"features": [feature(WHOLE)], "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32649"}}}),
        "write it in degrees, EPSG:4326",
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", WRONG)
def test_files_that_hold_no_polygons_in_degrees_are_told(which: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.geojson"
    file.write_text(WRONG[which][0])
    with pytest.raises(BadInput, match=r"wrong.geojson: ") as error:
        read_polygons(file)
    assert WRONG[which][1] in str(error.value)


def test_a_crs_in_degrees_a_bare_polygon_and_any_name_are_read(tmp_path: Path) -> None:
    crs = {"crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}
    file = written(tmp_path, feature(WHOLE, NAME_2="Yichang"), feature([[WHOLE]], "MultiPolygon", NAME_2="En"), **crs)
    assert list(read_polygons(file)) == ["Yichang", "En"]
    assert list(read_polygons(written(tmp_path, feature(WHOLE, code=None), crs=None), "code")) == ["feature 1"]
    file.write_text(json.dumps({"type": "Polygon", "coordinates": [WHOLE]}))
    assert list(read_polygons(file)) == ["feature 1"]
    file = written(tmp_path, feature(WHOLE, a="x"), feature(WHOLE, b="y"))
    with pytest.raises(BadInput, match=r"--name a: not every feature of .* has it; their properties: a, b"):
        read_polygons(file, "a")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--share", "rain"), "--share 'rain': write it like 'tp/24h>50'"),
        (("--share", "u10>5"), "there is no u10; there are t2m, tp"),
        (("--share", "t2m/6h>5"), "sums over hours are of amounts"),
        (("--share", "tp/6h>5", "--lead-hours", "9"), "leave --lead-hours out"),
        (("--daily",), "covers no day: its lead times span less than 15 hours"),
        (("--daily", "--lead-hours", "3"), "--daily is of all lead times"),
        (("--utc", "--timezone", "+08:00"), "give one of them"),
        (("--timezone", "CST"), "no time zone 'CST'"),
        (("--variables", "d2m"), "has no d2m"),
    ],
)
def test_what_cannot_be_done_is_told(
    options: tuple[str, ...], why: str, product: xr.Dataset, tmp_path: Path, finescale: CommandLine
) -> None:
    file = written(tmp_path, feature(WHOLE, name="a"))
    result = finescale("districts", "hubei", file, "--store", tmp_path / "store", *options)
    assert result.exit_code == 2
    assert why in result.stderr
