"""Small published products, and the stores that they are in: a local folder and a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from fsspec.core import url_to_fs

from models.operator import IFS
from tasks.arrays import open_zarr, zarr_store
from tasks.grids.grid import Grid
from tasks.handover.cycle import Cycle
from tasks.handover.digests import Digests, digests_beside, path_of
from tasks.handover.prepared import INPUT, Prepared, StaticFields
from tasks.handover.scorecard import Scorecard
from tasks.handover.shards import digest
from tasks.storage import join, read_json, write_bytes
from tasks.store.ledger import LedgerEntry, point_to, read_tagged_entry, write_entry
from tasks.store.paths import in_store
from tasks.store.product import create, fill_input, seal
from tasks.variables import VARIABLES
from tests.servers.s3 import BUCKET, S3Server, s3_server

GRID = Grid(33.0, 110.0, 0.25, 0.25, 12, 20)
INPUT_GRID = Grid(33.5, 109.5, 0.5, 0.5, 9, 13)
HOURS = [3, 6, 9]


def digests_of(product: xr.Dataset) -> dict[str, list[str]]:
    """sha-256 of each lead time's values, float32 little-endian row by row, for each variable."""
    names = [str(n) for n in product.data_vars if n in VARIABLES]
    return {name: [digest(product[name][i].values) for i in range(product.sizes["step"])] for name in names}


def all_digests(uri: str) -> Digests:
    """Of every array of a product without `calibration`, as it is now."""
    found: Digests = {}
    for group in ("", INPUT):
        ds = open_zarr(uri, group or None)
        found |= digests_beside(ds, group) | {path_of(group, n): d for n, d in digests_of(ds).items()}
    return found


DEMO_PRODUCT = "hubei/demo/2021/12/2021-12-10T12"  # without .zarr, .json, .png and .html


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """A store with the demo product of Hubei, as the daily job publishes it. To be read only."""
    from flows.downscale import downscale

    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        assert downscale("hubei", source="demo", store=str(folder / "store")).made
    return folder / "store"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for the tests that only need one that works."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


_numbers = count()


@pytest.fixture
def s3_store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty store on S3."""
    import s3fs

    for key, value in s3.environment.items():
        monkeypatch.setenv(key, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().makedirs(BUCKET, exist_ok=True)
    yield f"s3://{BUCKET}/store-{next(_numbers)}"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, here and on S3."""
    return str(tmp_path / "store") if request.param == "local" else str(request.getfixturevalue("s3_store"))


def cycle_of(time: datetime, source: str = "ifs") -> Cycle:
    return Cycle(source=source, time=time.replace(minute=0, second=0, microsecond=0))


def _fields(cycle: Cycle, seed: int, lead_hours: list[int]) -> Prepared:
    """What such a product may have been made from, with terrain."""
    hours = np.array(lead_hours, dtype="timedelta64[h]").astype("timedelta64[ns]")
    start, rng = np.datetime64(cycle.time.replace(tzinfo=None), "ns"), np.random.default_rng(seed)
    coords = {"step": hours, "time": start, "valid_time": ("step", start + hours)}
    where = {"latitude": INPUT_GRID.latitude, "longitude": INPUT_GRID.longitude}
    shape = (len(hours), INPUT_GRID.rows, INPUT_GRID.cols)
    dims = ("step", "latitude", "longitude")
    fields = {"t2m": (dims, rng.normal(285, 5, shape).astype("f4")), "tp": (dims, np.zeros(shape, "f4"))}
    height = (
        {"height": np.full(shape[1:], 100.0, "f4")},
        {"height": np.full((GRID.rows + 2, GRID.cols + 2), 100.0, "f4")},
    )
    return Prepared(xr.Dataset(fields, coords | where), INPUT_GRID, IFS, StaticFields(*height, 1))


def put_product(store: str, cycle: Cycle, *, revision: int = 1, seed: int = 0, hours: list[int] = HOURS) -> str:
    """A product without a ledger entry; returns its path in the store."""
    stamp = cycle.stamp + (f"-r{revision}" if revision > 1 else "")
    name = f"hubei/{cycle.source}/{cycle.time:%Y}/{cycle.time:%m}/{stamp}.zarr"
    uri, made_from = in_store(store, name), _fields(cycle, seed, hours)
    names = ["t2m", "tp"]
    create(uri, made_from.fields.drop_vars(names), GRID, names, made_from.statics, made_from.operator)
    fill_input(uri, ((n, iter(made_from.fields[n].values)) for n in names))
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    rng = np.random.default_rng(seed)
    group["t2m"][:] = rng.normal(285, 5, (len(hours), GRID.rows, GRID.cols)).astype("f4")
    group["tp"][:] = rng.gamma(0.5, 0.002, (len(hours), GRID.rows, GRID.cols)).astype("f4")
    seal(uri, {"title": "small"})
    write_bytes(uri.removesuffix(".zarr") + ".png", b"\x89PNG\r\n\x1a\n")
    write_bytes(uri.removesuffix(".zarr") + ".html", b"<!doctype html>")
    return name


def publish(
    store: str,
    cycle: Cycle,
    *,
    revision: int = 1,
    age: timedelta = timedelta(),
    state: str = "published",
    timezone: str = "UTC",
    hours: list[int] = HOURS,
) -> LedgerEntry:
    """A whole small product with its entry, which `latest.json` names if it is the newest."""
    name = put_product(store, cycle, revision=revision, seed=revision, hours=hours)
    entry = LedgerEntry(
        region="hubei", cycle=str(cycle), state=state, quality="unverified", product=name,
        quicklook=name.replace(".zarr", ".png"), report=name.replace(".zarr", ".html"), revision=revision,
        fingerprint="f", published_at=datetime.now(UTC) - age, lead_hours=[float(h) for h in hours],
        variables=["t2m", "tp"], absent=[],
        inputs=[], origin="ifs", expver="0001", model="m", model_sha256="s", code_version="1",
        region_fingerprint="r", timezone=timezone, spacing=GRID.dlat, timings={"downscale": 1.0},
        scorecard=Scorecard(quality="unverified", checks=[]),
        digests=all_digests(in_store(store, name)),
    )  # fmt: skip
    found = read_tagged_entry(store, "hubei", cycle)
    assert write_entry(store, cycle, entry, found[1] if found else None)
    if entry.good:
        point_to(store, entry)
    return entry


def latest(store: str, source: str = "ifs") -> str | None:
    """The product that latest.json names, which must be there."""
    named = read_json(join(store, "hubei", source, "latest.json"))
    if named is None:
        return None
    assert open_zarr(join(store, *named["product"].split("/")))["t2m"].shape == (3, GRID.rows, GRID.cols)
    return str(named["product"])


def content(store: str) -> set[str]:
    """Paths of all files in the store."""
    fs, path = url_to_fs(store)
    fs.invalidate_cache()
    return {f.removeprefix(path.rstrip("/") + "/") for f in fs.find(path) if not f.endswith(".lock")}


def products(store: str) -> set[str]:
    """Products of which anything is there."""
    return {f.split(".zarr/")[0] + ".zarr" for f in content(store) if ".zarr/" in f}


def spoil(store: str, entry: LedgerEntry, file: str = "t2m/c/0/0/0", at: int = 400) -> None:
    """Flip every bit of one byte of a product's file."""
    fs, path = url_to_fs(join(store, *entry.product.split("/"), *file.split("/")))
    data = bytearray(fs.cat_file(path))
    data[at] ^= 0xFF
    fs.pipe_file(path, bytes(data))
