"""The STAC catalogue: lists exactly the good products, whatever happens to them, and passes pystac's validator."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import xarray as xr
from fsspec.core import url_to_fs
from pystac.extensions.datacube import DatacubeExtension

from tasks.storage import exists, join, read_json, remove
from tasks.store.integrity import check_product
from tasks.store.ledger import entries
from tasks.store.paths import entry_uri
from tasks.store.retention import remove_cycle
from tasks.store.stac import settle_cycle, settle_region
from tasks.store.stac.outline import outline
from tasks.store.withdrawal import mark, withdraw
from tests.published import content, cycle_of, publish, spoil

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OLD, NEW = cycle_of(NOW - timedelta(hours=24)), cycle_of(NOW)  # of two months

Document = dict[str, Any]


def put(store: str, cycle: Any, **options: Any) -> Any:
    entry = publish(store, cycle, **options)
    settle_cycle(store, "hubei", cycle)
    return entry


def children(store: str, place: list[str], name: str, rel: str) -> list[list[str]]:
    """Paths of what a document links to, which must be there."""
    found = read_json(join(store, *place, name))
    if found is None:
        return []
    targets = []
    for link in found["links"]:
        if link["rel"] == rel:
            target = [*place, *link["href"].removeprefix("./").split("/")]
            assert exists(join(store, *target)), target
            targets.append(target)
    return targets


def listed(store: str) -> list[str]:
    """Ids of all items that can be reached from the root."""
    found = []
    for region in children(store, [], "catalog.json", "child"):
        for source in children(store, region[:-1], region[-1], "child"):
            for month in children(store, source[:-1], source[-1], "child"):
                found += [read_json(join(store, *i))["id"] for i in children(store, month[:-1], month[-1], "item")]
    return found


def documents(store: str) -> set[str]:
    return {f for f in content(store) if f.endswith(("catalog.json", "collection.json")) or "/items/" in f}


def test_catalogue_lists_the_good_products_and_opens_them(store: str) -> None:
    old, new = put(store, OLD), put(store, NEW)
    assert listed(store) == ["hubei-ifs-2026-10-31T12", "hubei-ifs-2026-11-01T12"]
    assert len(entries(store, "hubei")) == 2, "the ledger reads its own files only"
    place = ["hubei", "ifs", "items", "2026-11"]
    item = read_json(join(store, *place, f"{NEW.stamp}.json"))
    for asset in item["assets"].values():
        up, rest = asset["href"].split("../../")
        assert (up, exists(join(store, "hubei", "ifs", *rest.split("/")))) == ("", True)
    assert item["assets"]["product"]["href"].endswith(new.product.removeprefix("hubei/ifs/"))
    collection = read_json(join(store, "hubei", "ifs", "collection.json"))
    assert collection["extent"]["temporal"]["interval"] == [["2026-10-31T12:00:00Z", "2026-11-01T21:00:00Z"]]
    withdraw(store, "hubei", OLD, "wrong")
    assert listed(store) == ["hubei-ifs-2026-11-01T12"]
    assert old.product.rsplit("/", 1)[-1] == "2026-10-31T12.zarr"


def test_item_says_which_revision_and_how_good_it_is(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, NEW)
    again = put(store, NEW, revision=2)
    (item,) = listed(store)
    found = read_json(join(store, "hubei/ifs/items/2026-11", f"{NEW.stamp}.json"))
    assert (found["id"], found["assets"]["product"]["href"]) == (item, "../../2026/11/2026-11-01T12-r2.zarr")
    properties = found["properties"]
    assert (properties["finescale:revision"], properties["finescale:quality"]) == (again.revision, "unverified")
    assert (properties["datetime"], properties["end_datetime"]) == ("2026-11-01T15:00:00Z", "2026-11-01T21:00:00Z")
    assert (properties["forecast:reference_datetime"], properties["forecast:duration"]) == (
        "2026-11-01T12:00:00Z",
        "PT6H",
    )


def test_damaged_withdrawn_refused_and_removed_products_leave_the_catalogue(tmp_path: Path) -> None:
    store = str(tmp_path)
    cycles = [cycle_of(NOW + timedelta(hours=12 * i)) for i in range(5)]
    found = [put(store, c) for c in cycles]
    spoil(store, found[0])
    assert check_product(store, found[0])
    withdraw(store, "hubei", cycles[1], "wrong")
    mark(store, found[2], "quarantined", "RMSE")
    remove_cycle(store, found[3])
    assert listed(store) == [f"hubei-ifs-{cycles[4].stamp}"]


def test_nothing_is_left_of_a_catalogue_without_products(store: str) -> None:
    put(store, OLD)
    put(store, NEW)
    assert len(documents(store)) == 7
    for cycle in (OLD, NEW):
        withdraw(store, "hubei", cycle, "wrong")
    assert documents(store) == set()
    put(store, NEW, revision=2)
    assert listed(store) == ["hubei-ifs-2026-11-01T12"]


def test_what_killed_runs_left_and_older_versions_never_wrote_is_put_right(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, OLD)
    publish(store, NEW)  # killed before the catalogue
    withdrawn = put(store, cycle_of(NOW + timedelta(hours=12)))
    fs, path = url_to_fs(entry_uri(store, "hubei", cycle_of(NOW + timedelta(hours=12))))
    said = json.loads(fs.cat_file(path)) | {"state": "withdrawn"}
    fs.pipe_file(path, json.dumps(said).encode())  # killed before the catalogue
    remove(join(store, "hubei", "catalog.json"))
    settle_region(store, "hubei", entries(store, "hubei"))
    assert listed(store) == ["hubei-ifs-2026-10-31T12", "hubei-ifs-2026-11-01T12"]
    assert withdrawn.cycle not in str(listed(store))
    seen = {f: (tmp_path / f).read_bytes() for f in documents(store)}
    settle_region(store, "hubei", entries(store, "hubei"))
    assert {f: (tmp_path / f).read_bytes() for f in documents(store)} == seen


def test_product_that_cannot_be_opened_is_left_out_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = str(tmp_path)
    bad, _ = put(store, OLD), put(store, NEW)
    (tmp_path / bad.product / "zarr.json").write_text("{")
    settle_cycle(store, "hubei", OLD)
    assert listed(store) == ["hubei-ifs-2026-11-01T12"]
    assert f"{bad.product} is left out" in caplog.text


def test_runs_that_publish_and_withdraw_at_once_leave_a_right_catalogue(tmp_path: Path) -> None:
    store = str(tmp_path)
    cycles = [cycle_of(NOW + timedelta(hours=6 * i)) for i in range(6)]
    for cycle in cycles:
        publish(store, cycle)
    ends: list[Any] = [lambda c=c: settle_cycle(store, "hubei", c) for c in cycles]
    ends += [lambda c=c: withdraw(store, "hubei", c, "x") for c in cycles[::2]]
    threads = [threading.Thread(target=end) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listed(store) == [f"hubei-ifs-{c.stamp}" for c in cycles[1::2]]


@pytest.mark.usefixtures("offline_validator")
def test_every_document_is_valid_and_read_back_by_pystac(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, OLD)
    put(store, cycle_of(NOW, "era5"))
    root = pystac.Catalog.from_file(f"{store}/catalog.json")
    assert root.validate_all() == 2, "items; their catalogues and collections are validated on the way"
    items = list(root.get_items(recursive=True))
    assert sorted(i.id for i in items) == ["hubei-era5-2026-11-01T12", "hubei-ifs-2026-10-31T12"]
    for item in items:
        cube = DatacubeExtension.ext(item)
        product = xr.open_zarr(item.assets["product"].get_absolute_href())
        assert list(cube.dimensions) == ["step", "latitude", "longitude"]
        assert cube.variables["t2m"].dimensions == list(product.t2m.dims)
        assert cube.dimensions["longitude"].extent == [product.longitude.values[0], product.longitude.values[-1]]
    broken = items[0].to_dict()
    broken["properties"]["cube:variables"]["t2m"].pop("dimensions")
    with pytest.raises(pystac.errors.STACValidationError):
        pystac.Item.from_dict(broken).validate()


@pytest.mark.parametrize(
    ("longitudes", "bbox", "parts"),
    [
        (np.arange(-10.0, 10.5, 0.5), [-10.25, 10.25], 1),
        (np.arange(170.0, 190.5, 0.5), [169.75, -169.75], 2),
        (np.arange(-180.0, 180.0, 0.5), [-180.0, 180.0], 1),
        (np.arange(200.0, 210.5, 0.5), [-160.25, -149.75], 1),
    ],
)
def test_outline_is_cut_at_the_date_line(longitudes: np.ndarray, bbox: list[float], parts: int) -> None:
    place = outline(xr.Dataset(coords={"latitude": [90.0, 89.5], "longitude": longitudes}), 0.5)
    assert place.bbox == [bbox[0], 89.25, bbox[1], 90.0]
    geometry = place.geometry
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    assert len(polygons) == parts
    for ring in (p[0] for p in polygons):
        assert ring[0] == ring[-1]
        assert all(-180 <= x <= 180 and 89.25 <= y <= 90 for x, y in ring)
