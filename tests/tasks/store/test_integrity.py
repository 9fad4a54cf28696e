"""The integrity scan finds what is no longer what was published, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import zarr
from fsspec.core import url_to_fs

from tasks.arrays import open_zarr, zarr_store
from tasks.handover.shards import digest
from tasks.storage import join
from tasks.store.integrity import check_product, due_for_check, verify_product
from tasks.store.ledger import LedgerEntry, read_entry
from tasks.store.paths import in_store
from tests.published import cycle_of, digests_of, publish, spoil
from tests.servers.s3 import S3Server, s3_server

CYCLE = cycle_of(datetime(2026, 11, 21, tzinfo=UTC))


def test_whole_product_is_whole_with_and_without_digests(store: str) -> None:
    entry = publish(store, CYCLE)
    assert verify_product(store, entry) == []
    assert verify_product(store, entry.model_copy(update={"digests": {}})) == []


def test_digests_are_those_that_slabs_leave(tmp_path: Path) -> None:
    entry = publish(str(tmp_path), CYCLE)
    product = open_zarr(str(tmp_path / entry.product))
    assert digests_of(product) == {n: [digest(f) for f in product[n].values] for n in ("t2m", "tp")}


def test_flipped_byte_in_a_shard_is_found_and_the_entry_marked(store: str) -> None:
    entry = publish(store, CYCLE)
    assert check_product(store, entry) == []
    spoil(store, entry)
    wrong = check_product(store, entry, dry_run=True)
    assert wrong[0].startswith("t2m at +3 h")
    assert entry == read_entry(store, "hubei", CYCLE), "a dry run marks nothing"
    assert check_product(store, entry) == wrong
    marked = read_entry(store, "hubei", CYCLE)
    assert marked is not None
    assert (marked.state, marked.good) == ("damaged", False)
    assert "t2m at +3 h" in marked.why


def test_flipped_bytes_are_found_wherever_they_are(tmp_path: Path) -> None:
    entry = publish(str(tmp_path), CYCLE)
    shard = tmp_path / entry.product / "t2m/c/0/0/0"
    whole, rng = shard.read_bytes(), np.random.default_rng(5)
    for at in rng.choice(len(whole), 60, replace=False):
        spoil(str(tmp_path), entry, at=int(at))
        assert verify_product(str(tmp_path), entry), "no byte of a shard is without a checksum"
        shard.write_bytes(whole)


def value_of(entry: LedgerEntry, store: str, value: float) -> None:
    group = zarr.open_group(zarr_store(in_store(store, entry.product)), mode="r+", use_consolidated=False)
    array = group["t2m"]
    assert isinstance(array, zarr.Array)
    array[1, 2, 3] = value


@pytest.mark.parametrize(("value", "said"), [(np.nan, "not finite"), (400.0, "other values"), (285.0, "other values")])
def test_wrong_value_is_found(store: str, value: float, said: str) -> None:
    entry = publish(store, CYCLE)
    value_of(entry, store, value)
    (wrong,) = verify_product(store, entry)
    assert wrong.startswith("t2m at +6 h ")
    assert said in wrong


def test_entry_without_digests_has_its_product_checked_for_physical_values(tmp_path: Path) -> None:
    entry = publish(str(tmp_path), CYCLE).model_copy(update={"digests": {}})
    value_of(entry, str(tmp_path), 400.0)
    (wrong,) = verify_product(str(tmp_path), entry)
    assert "possible are 173 to 335" in wrong


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("t2m/c/0/0/0", "t2m at +3 h holds 240 values that are not finite"),
        ("zarr.json", "is missing"),
        ("latitude/c/0", "latitude is not in steps of -0.25 degree"),
        ("step/c/0", "lead times are"),
    ],
)
def test_missing_file_is_found(store: str, file: str, said: str) -> None:
    entry = publish(store, CYCLE)
    fs, path = url_to_fs(join(store, *entry.product.split("/"), *file.split("/")))
    fs.rm_file(path)
    assert said in verify_product(store, entry)[0]


def test_unreadable_metadata_is_damage(store: str) -> None:
    entry = publish(store, CYCLE)
    fs, path = url_to_fs(join(in_store(store, entry.product), "zarr.json"))
    fs.pipe_file(path, fs.cat_file(path)[:-40])
    (wrong,) = verify_product(store, entry)
    assert "cannot be opened" in wrong


def test_other_lead_times_than_the_ledger_says(tmp_path: Path) -> None:
    entry = publish(str(tmp_path), CYCLE)
    wrong = verify_product(str(tmp_path), entry.model_copy(update={"lead_hours": [3.0, 6.0]}))
    assert wrong[0] == "lead times are 3, +3 to +9 h, the ledger says 2, +3 to +6 h"


def test_store_that_does_not_answer_says_nothing_of_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(tmp_path) as server:
        store = _store_on(server, monkeypatch)
        entry = publish(store, CYCLE)
        assert verify_product(store, entry) == []
    with pytest.raises(OSError, match="error sending request"):
        check_product(store, entry)


def _store_on(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    import s3fs

    for key, value in server.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().makedirs("products", exist_ok=True)
    return "s3://products/weather"


def test_products_are_due_for_a_check_for_some_days(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    young = publish(str(tmp_path), cycle_of(now), age=timedelta(days=2))
    old = publish(str(tmp_path), cycle_of(now - timedelta(days=9)), age=timedelta(days=8))
    bad = young.model_copy(update={"state": "withdrawn"})
    assert due_for_check([young, old, bad], now, 3) == [young]
