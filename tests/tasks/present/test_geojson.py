"""What maps draw over a product: stations with their errors, the outline; and that it goes when its product goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.present import geojson
from tasks.present.geojson import put_boundary, put_places, stations
from tasks.region import search as regions
from tasks.storage import exists, join, read_bytes, write_bytes
from tasks.store.ledger import LedgerEntry, entries, read_tagged_entry, write_entry
from tasks.store.paths import QUARANTINE, STATIONS, in_store
from tasks.store.retention import old_refusals, remove_cycle, remove_product, unknown_products
from tests.conftest import HUBEI
from tests.published import content, cycle_of, publish
from tests.tasks.present.report import made

NOW = datetime.now(UTC)
LEADS = [6.0, 12.0, 24.0]


def test_a_station_has_its_scores_and_series_in_the_headlines_reading() -> None:
    pairs = made.pairs(LEADS)
    found = {f["id"]: f for f in stations(pairs)["features"]}
    assert len(found) == 24
    feature = found["57403"]
    rows = pairs[(pairs["station"] == "57403") & (pairs["variable"] == "t2m")]
    error = (rows["product_bilinear_standard"] - rows["observed"]).astype(float)
    score = next(s for s in feature["properties"]["scores"] if s["variable"] == "t2m")
    assert (score["n"], score["lead_hours"]) == (3, LEADS)
    assert score["bias"] == pytest.approx(error.mean(), rel=1e-4)
    assert score["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    np.testing.assert_allclose(score["product"], rows["product_bilinear_standard"], rtol=1e-5)
    place = rows.iloc[0]
    assert feature["geometry"]["coordinates"] == pytest.approx([place["longitude"], place["latitude"]], rel=1e-5)
    assert feature["properties"]["elevation"] == place["elevation"]
    kinds = {(s["variable"], s["period"]) for s in feature["properties"]["scores"]}
    assert kinds == {("t2m", 0), ("d2m", 0), ("wind_speed", 0), ("sp", 0), ("msl", 0), ("tp", 6), ("tp", 24)}


def test_what_is_not_known_is_null_and_what_cannot_be_compared_is_left_out() -> None:
    pairs = made.pairs(LEADS, stations=3, wanted=["t2m"])
    pairs.loc[pairs["station"] == "57401", ["elevation", "above"]] = np.nan
    pairs.loc[pairs["station"] == "57402", "product_bilinear_standard"] = np.nan
    pairs.loc[(pairs["station"] == "57400") & (pairs["lead_hours"] == 6), "observed"] = np.nan
    found = json.loads(json.dumps(stations(pairs), allow_nan=False))["features"]
    assert [f["id"] for f in found] == ["57400", "57401"]
    assert found[0]["properties"]["scores"][0]["lead_hours"] == [12.0, 24.0]
    assert found[1]["properties"]["elevation"] is None
    assert stations(pairs.iloc[:0])["features"] == []


def test_very_many_pairs_give_scores_without_series(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = made.pairs(LEADS, stations=3, wanted=["t2m"])
    monkeypatch.setattr(geojson, "MOST_PAIRS", 8)
    score = stations(pairs)["features"][0]["properties"]["scores"][0]
    assert score["n"] == 3
    assert "observed" not in score


def test_outline_is_written_once_and_again_when_it_changes(store: str) -> None:
    place, uri = regions.load("hubei"), join(store, "hubei", "boundary.geojson")
    put_boundary(store, place)
    assert read_bytes(uri) == (HUBEI / "boundary.geojson").read_bytes()
    write_bytes(uri, b"{}")
    put_boundary(store, place)
    assert read_bytes(uri) == (HUBEI / "boundary.geojson").read_bytes()
    put_boundary(store, place.model_copy(update={"name": "other", "boundary": None}))
    assert not exists(join(store, "other"))


def test_places_are_written_with_their_names_and_of_a_region_without_any_none(store: str) -> None:
    put_places(store, regions.load("hubei"))
    found = json.loads(read_bytes(join(store, "hubei", "places.geojson")))["features"]
    wuhan = next(f for f in found if f["properties"]["name"] == "Wuhan")
    assert wuhan["properties"] == {"name": "Wuhan", "name_zh": "武汉", "rank": 1}
    assert wuhan["geometry"] == {"type": "Point", "coordinates": [114.267, 30.583]}
    put_places(store, regions.load("hubei").model_copy(update={"name": "other", "places": None}))
    assert json.loads(read_bytes(join(store, "other", "places.geojson")))["features"] == []


def with_stations(store: str, days: int, *, revision: int = 1) -> LedgerEntry:
    """A product that has a stations' file."""
    cycle = cycle_of(NOW - timedelta(days=days))
    entry = publish(store, cycle, revision=revision)
    entry = entry.model_copy(update={"stations": entry.product.removesuffix(".zarr") + STATIONS})
    write_bytes(in_store(store, entry.stations), b"{}")
    found = read_tagged_entry(store, "hubei", cycle)
    assert found is not None
    assert write_entry(store, cycle, entry, found[1])
    return entry


def test_stations_are_no_ledger_entry_and_go_with_their_product(tmp_path: Path) -> None:
    store = str(tmp_path)
    old, new = with_stations(store, 40), with_stations(store, 0)
    assert entries(store, "hubei") == [old, new]
    assert unknown_products(store, "hubei", [old, new], NOW + timedelta(days=2)) == []
    remove_cycle(store, old)
    assert [f for f in content(store) if f.endswith(STATIONS)] == [new.stations]


def test_stations_of_a_superseded_or_lost_product_go_too(tmp_path: Path) -> None:
    store = str(tmp_path)
    first, second = with_stations(store, 0), with_stations(store, 0, revision=2)
    lost = "hubei/ifs/2020/01/2020-01-01T00" + STATIONS
    write_bytes(in_store(store, lost), b"{}")
    for item in unknown_products(store, "hubei", entries(store, "hubei"), NOW + timedelta(days=2)):
        remove_product(item.uri)
    assert [f for f in content(store) if f.endswith(STATIONS)] == [second.stations]
    assert first.stations != second.stations


def test_stations_of_a_refused_product_stay_as_long_as_it(tmp_path: Path) -> None:
    store, name = str(tmp_path), f"{QUARANTINE}/hubei-ifs-2026-11-21T00-0a1b2c3d"
    for suffix in (".zarr/zarr.json", ".json", STATIONS):
        write_bytes(join(store, *f"{name}{suffix}".split("/")), b"{}")
    later = NOW + timedelta(days=40)
    assert len(old_refusals(store, "hubei", [], later)) == 3
    entry = publish(store, cycle_of(NOW)).model_copy(update={"product": f"{name}.zarr"})
    assert old_refusals(store, "hubei", [entry], later) == []
