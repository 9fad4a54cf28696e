"""Retention: what goes and what stays, whatever is killed when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.storage import exists, join, remove, write_bytes
from tasks.store.ledger import entries
from tasks.store.paths import in_store
from tasks.store.retention import (
    expired,
    remove_cycle,
    remove_product,
    scratch_leftovers,
    staging_leftovers,
    unknown_products,
)
from tasks.store.withdrawal import mark
from tests.conftest import ROOT
from tests.published import content, cycle_of, latest, products, publish, put_product

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=2)  # what was written now is older than a day then


def test_old_cycles_go_with_entry_product_and_picture(store: str) -> None:
    old = [publish(store, cycle_of(NOW - timedelta(days=d))) for d in (40, 31)]
    new = [publish(store, cycle_of(NOW - timedelta(days=d))) for d in (29, 0)]
    assert expired(store, "hubei", entries(store, "hubei"), NOW, None) == [], "for ever"
    gone = expired(store, "hubei", entries(store, "hubei"), NOW, 30)
    assert gone == old
    for entry in gone:
        remove_cycle(store, entry)
    assert entries(store, "hubei") == new
    assert products(store) == {e.product for e in new}
    assert sum(f.endswith(".png") for f in content(store)) == 2
    assert latest(store) == new[-1].product


def test_last_good_one_of_each_source_stays_however_old(store: str) -> None:
    ifs = [publish(store, cycle_of(NOW - timedelta(days=d))) for d in (50, 45, 40)]
    era5 = publish(store, cycle_of(NOW - timedelta(days=300), "era5"))
    mark(store, ifs[2], "damaged", "flipped")
    gone = expired(store, "hubei", entries(store, "hubei"), NOW, 30)
    assert [e.product for e in gone] == [ifs[0].product], "latest.json still names the damaged one"
    assert era5.product not in [e.product for e in gone]


def test_superseded_revision_goes_a_day_after_its_successor_came(store: str) -> None:
    cycle = cycle_of(NOW)
    first, second = publish(store, cycle), publish(store, cycle, revision=2)
    assert unknown_products(store, "hubei", entries(store, "hubei"), NOW) == []
    gone = unknown_products(store, "hubei", entries(store, "hubei"), LATER)
    assert [u.uri.split("/hubei/")[1] for u in gone] == [
        p.split("hubei/")[1] for p in sorted((first.product, first.quicklook, first.report))
    ]
    for item in gone:
        remove_product(item.uri)
    assert products(store) == {second.product}
    assert latest(store) == second.product


def test_predecessor_of_a_withdrawn_revision_stays(store: str) -> None:
    cycle = cycle_of(NOW)
    publish(store, cycle)
    mark(store, publish(store, cycle, revision=2), "withdrawn", "worse")
    assert unknown_products(store, "hubei", entries(store, "hubei"), LATER) == []


def test_product_without_an_entry_goes_when_it_is_a_day_old(store: str) -> None:
    kept = publish(store, cycle_of(NOW))
    lost = put_product(store, cycle_of(NOW - timedelta(hours=12)))
    later_revision = put_product(store, cycle_of(NOW), revision=2)
    assert unknown_products(store, "hubei", entries(store, "hubei"), NOW) == [], "a run may be publishing them"
    for item in unknown_products(store, "hubei", entries(store, "hubei"), LATER):
        remove_product(item.uri)
    assert products(store) == {kept.product}
    assert not any(f.startswith((lost[:-5], later_revision[:-5])) for f in content(store))


def test_files_that_are_nobodys_business_stay(store: str) -> None:
    place = join(store, "hubei", "ifs", "2026", "11")
    for name in ("README.txt", "2026-11-21T00.nc", "notes.zarr.bak"):
        write_bytes(join(place, name), b"mine")
    write_bytes(join(place, ".2026-11-21T00.json.0a1b2c3d.partial"), b"{")
    kept = publish(store, cycle_of(NOW))
    gone = unknown_products(store, "hubei", [kept], LATER)
    assert [u.uri.rsplit("/", 1)[-1] for u in gone] == [".2026-11-21T00.json.0a1b2c3d.partial"]


def test_leftovers_in_staging_go_when_they_are_a_day_old(store: str) -> None:
    assert staging_leftovers(store, NOW) == []
    names = ["hubei-ifs-2026-11-21T00-0a1b2c3d.zarr/t2m/c/0/0/0", "probe-0a1b2c3d", "claims/hubei-ifs-2026-11-21T00"]
    for name in names:
        write_bytes(join(store, "_staging", *name.split("/")), b"x")
    assert staging_leftovers(store, NOW) == []
    found = sorted(item.uri.split("/_staging/")[1] for item in staging_leftovers(store, LATER))
    assert found == sorted(["hubei-ifs-2026-11-21T00-0a1b2c3d.zarr", "probe-0a1b2c3d", names[2]])


def test_scratch_of_killed_runs_goes_and_fetched_files_stay(store: str) -> None:
    """The workspace may be on S3 as well."""
    keep = ["raw/ifs/2026-11-21T00/a.grib2", "hubei/mine/notes.txt", "sichuan/ifs-2026-11-21T00-0a1b2c3d/fields.zarr"]
    drop = ["hubei/ifs-2026-11-21T00-0a1b2c3d/fields.zarr/zarr.json", "hubei/file-0a1b2c3d/slabs/0.json"]
    for name in keep + drop:
        write_bytes(in_store(store, name), b"x")
    assert scratch_leftovers(store, "hubei", NOW) == []
    found = [item.uri.split("/hubei/")[1] for item in scratch_leftovers(store, "hubei", LATER)]
    assert found == ["file-0a1b2c3d", "ifs-2026-11-21T00-0a1b2c3d"]
    assert scratch_leftovers(store, "raw", LATER) == [], "a region of that name"


def test_killed_removal_leaves_nothing_that_claims_to_be_there_and_is_finished_next_time(tmp_path: Path) -> None:
    """SIGKILL among the files of a product that has very many."""
    store = str(tmp_path / "store")
    old, kept = publish(store, cycle_of(NOW - timedelta(days=40))), publish(store, cycle_of(NOW))
    product = tmp_path / "store" / old.product
    many = product / "t2m" / "c" / "9"
    many.mkdir()
    for i in range(30_000):
        (many / str(i)).touch()
    before = time.time() - 40 * 86400
    for file in product.rglob("*"):
        os.utime(file, (before, before))
    code = (
        "import sys; from tasks.store.ledger import entries; from tasks.store.retention import remove_cycle; "
        "remove_cycle(sys.argv[1], entries(sys.argv[1], 'hubei')[0])"
    )
    removal = subprocess.Popen([sys.executable, "-c", code, store], cwd=ROOT)
    until = time.monotonic() + 60
    while (product / "zarr.json").exists() and time.monotonic() < until:
        time.sleep(0.001)
    removal.send_signal(signal.SIGKILL)
    assert removal.wait(30) == -signal.SIGKILL, "it was through before it was killed"
    assert entries(store, "hubei") == [kept]
    assert product.exists()
    left = unknown_products(store, "hubei", entries(store, "hubei"), NOW)
    assert Path(left[-1].uri.removeprefix("file://")).stem == product.stem
    for file in product.parent.glob(f"*{product.stem}.[pjh]*"):
        os.utime(file, (before, before))
    for item in unknown_products(store, "hubei", entries(store, "hubei"), NOW):
        remove_product(item.uri)
    assert content(store) == {f for f in content(store) if kept.product[:-5] in f or f.endswith("latest.json")}
    assert latest(store) == kept.product


def test_removal_stopped_after_any_step_is_finished_next_time(store: str) -> None:
    """Where no process can be killed at will: the state after each step, made by hand."""
    kept = publish(store, cycle_of(NOW))
    for done in range(3):
        cycle = cycle_of(NOW - timedelta(days=40 + done))
        entry = publish(store, cycle)
        steps = [entry.product.replace(".zarr", ".json"), f"{entry.product}/zarr.json", f"{entry.product}/t2m"]
        for name in steps[: done + 1]:
            remove(in_store(store, name))
        for item in unknown_products(store, "hubei", entries(store, "hubei"), LATER):
            remove_product(item.uri)
        assert products(store) == {kept.product}
        assert not exists(in_store(store, entry.quicklook))
