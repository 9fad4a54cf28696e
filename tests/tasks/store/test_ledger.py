"""Ledger, latest.json and the store's names: what readers rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.operator import IFS
from tasks.grids.grid import Grid
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.scorecard import Scorecard
from tasks.present.quicklook import quicklook
from tasks.publish import claim
from tasks.store.ledger import (
    DamagedLedger,
    LedgerEntry,
    entries,
    fingerprint,
    point_to,
    read_entry,
    read_tagged_entry,
    write_entry,
)
from tasks.store.product import create, seal


def cycle(day: int) -> Cycle:
    return Cycle(source="ifs", time=datetime(2026, 11, day, tzinfo=UTC))


def entry(day: int, revision: int = 1) -> LedgerEntry:
    name = f"hubei/ifs/2026/11/{cycle(day).stamp}" + (f"-r{revision}" if revision > 1 else "")
    return LedgerEntry(
        region="hubei", cycle=str(cycle(day)), state="published", quality="unverified", product=f"{name}.zarr",
        quicklook=f"{name}.png", revision=revision, fingerprint="f", published_at=datetime.now(UTC), lead_hours=[3.0],
        variables=["t2m"], absent=[], inputs=[], origin="ifs", expver="0001", model="m", model_sha256="s",
        code_version="1", region_fingerprint="r", spacing=0.05, timings={},
        scorecard=Scorecard(quality="unverified", checks=[]),
    )  # fmt: skip


def put(store: str | Path, day: int) -> None:
    assert write_entry(str(store), cycle(day), entry(day), None)
    point_to(str(store), entry(day))


def latest(store: Path) -> str:
    return str(json.loads((store / "hubei/ifs/latest.json").read_text())["cycle"])


def test_latest_never_goes_back_when_an_older_cycle_is_published_later(tmp_path: Path) -> None:
    put(tmp_path, 21)
    put(tmp_path, 20)
    assert latest(tmp_path) == "ifs/2026-11-21T00"
    put(tmp_path, 22)
    assert latest(tmp_path) == "ifs/2026-11-22T00"
    assert [e.cycle[-5:] for e in entries(str(tmp_path), "hubei")] == ["20T00", "21T00", "22T00"]


def test_store_whose_path_has_brackets_is_listed(tmp_path: Path) -> None:
    store = str(tmp_path / "a [1] *")
    put(store, 21)
    assert len(entries(store, "hubei")) == 1


def test_revision_goes_on_after_the_ledger_and_after_what_a_killed_run_left(tmp_path: Path) -> None:
    store = str(tmp_path)
    assert claim(store, "hubei", cycle(21), "a")[0] == 1
    put(store, 21)
    assert claim(store, "hubei", cycle(21), "b")[0] == 2
    (tmp_path / f"hubei/ifs/2026/11/{cycle(21).stamp}-r3.zarr").mkdir()
    assert claim(store, "hubei", cycle(21), "c")[0] == 4


def test_revision_belongs_to_one_run_which_finds_it_again(tmp_path: Path) -> None:
    assert claim(str(tmp_path), "hubei", cycle(21), "a")[0] == 1
    put(tmp_path, 21)
    assert claim(str(tmp_path), "hubei", cycle(21), "a")[0] == 1, "also after its entry was written"
    assert claim(str(tmp_path), "hubei", cycle(21), "b")[0] == 2
    assert claim(str(tmp_path), "hubei", cycle(21), "a")[0] == 1


def test_entry_is_replaced_only_by_who_knows_the_one_that_is_there(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, 21)
    assert not write_entry(store, cycle(21), entry(21), None), "there is one already"
    found = read_tagged_entry(store, "hubei", cycle(21))
    assert found is not None
    assert write_entry(store, cycle(21), entry(21, revision=2), found[1])
    assert not write_entry(store, cycle(21), entry(21, revision=3), found[1]), "it is another one by now"
    point_to(store, entry(21, revision=2))
    point_to(store, entry(21))
    assert json.loads((tmp_path / "hubei/ifs/latest.json").read_text())["revision"] == 2


@pytest.mark.parametrize("text", ["", "{", '{"region": "hubei"}'])
def test_damaged_entry_is_named(tmp_path: Path, text: str) -> None:
    put(tmp_path, 21)
    file = tmp_path / f"hubei/ifs/2026/11/{cycle(21).stamp}.json"
    file.write_text(text)
    for read in (lambda: read_entry(str(tmp_path), "hubei", cycle(21)), lambda: entries(str(tmp_path), "hubei")):
        with pytest.raises(DamagedLedger, match=rf"{cycle(21).stamp}\.json: not a ledger entry"):
            read()


def test_fingerprint_changes_with_all_that_shapes_a_product() -> None:
    one, other = RawFile(uri="a", sha256="1", size=1), RawFile(uri="b", sha256="2", size=1)
    base = fingerprint([one, other], "m", "r", "v")
    assert base == fingerprint([other, one], "m", "r", "v")
    changed = [([one], "m", "r", "v"), ([one, other], "n", "r", "v"), ([one, other], "m", "s", "v")]
    assert base not in [fingerprint(*c) for c in changed] + [fingerprint([one, other], "m", "r", "w")]


def small(value: float = 280.0) -> xr.Dataset:
    hours = np.array([3], dtype="timedelta64[h]").astype("timedelta64[ns]")
    start = np.datetime64("2026-11-21T00", "ns")
    field = np.full((1, 4, 5), 280.0, np.float32)
    field[0, 1, 1] = value
    coords = {
        "step": hours, "latitude": [33.0, 32.0, 31.0, 30.0], "longitude": [110.0, 111.0, 112.0, 113.0, 114.0],
        "time": start, "valid_time": ("step", start + hours),
    }  # fmt: skip
    return xr.Dataset({"t2m": (("step", "latitude", "longitude"), field)}, coords)


def test_sealed_product_has_its_attributes_and_coordinates(tmp_path: Path) -> None:
    staged = str(tmp_path / "staged.zarr")
    create(staged, small().drop_vars("t2m"), Grid(33.0, 110.0, 1.0, 1.0, 4, 5), ["t2m"], None, IFS)
    seal(staged, {"title": "good"})
    read = xr.open_zarr(staged)
    assert read.attrs["title"] == "good"
    assert set(read.coords) == {"step", "latitude", "longitude", "time", "valid_time"}


def test_picture_of_a_field_without_outline_and_without_variation(tmp_path: Path) -> None:
    png = quicklook(small().isel(step=0), small().isel(step=0), None, "flat")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
