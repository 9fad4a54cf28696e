"""Every array of a product has checksums, which any reader holds it against, and a digest in the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from tasks.arrays import open_zarr
from tasks.handover.calibrated import GROUP, Calibration
from tasks.handover.digests import array_digest
from tasks.handover.prepared import INPUT
from tasks.store import packing, product
from tasks.store.calibration import create_calibration
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry
from tasks.store.metadata import ledger_attribute
from tasks.store.paths import in_store
from tasks.store.product import seal
from tests.published import HOURS, all_digests, cycle_of, digests_of, publish

CYCLE = cycle_of(datetime(2026, 11, 21, tzinfo=UTC))
GROUPS = (None, INPUT, GROUP)


def published(folder: Path) -> tuple[LedgerEntry, Path]:
    """A product in which all groups are, and its entry."""
    entry = publish(str(folder), CYCLE)
    uri, errors = in_store(str(folder), entry.product), np.array([[0.5, np.nan]] * len(HOURS))
    found = Calibration(
        None, ["WMO 57494", "湖北"], {"t2m": errors}, {"t2m": errors}, {"t2m": np.array([True] * len(HOURS))}
    )
    beside = create_calibration(uri, open_zarr(uri), ["t2m"], found)
    added = zarr.open_group(uri, mode="r+", use_consolidated=False)[f"{GROUP}/t2m"]
    assert isinstance(added, zarr.Array)
    added[:] = 0.25
    beside |= {f"{GROUP}/t2m": digests_of(open_zarr(uri, GROUP))["t2m"]}
    entry = entry.model_copy(update={"digests": entry.digests | beside})
    seal(uri, {"ledger": ledger_attribute(entry)})
    return entry, Path(uri)


def arrays(uri: Path) -> dict[str, dict]:
    """Path of each array -> its metadata."""
    found = {str(f.parent.relative_to(uri)): json.loads(f.read_text()) for f in uri.rglob("zarr.json")}
    return {path: metadata for path, metadata in found.items() if metadata["node_type"] == "array"}


def chunks(uri: Path) -> list[Path]:
    """Every file of values."""
    return sorted(f for f in uri.rglob("c/**/*") if f.is_file()) + sorted(f for f in uri.rglob("c") if f.is_file())


def load(uri: Path) -> None:
    """As whoever has xarray and nothing of ours."""
    for group in GROUPS:
        with xr.open_zarr(uri, group=group) as ds:
            ds.load()


def test_every_array_ends_in_crc32c(tmp_path: Path) -> None:
    for path, metadata in arrays(published(tmp_path)[1]).items():
        last = metadata["codecs"][-1]
        inner = last["configuration"]["codecs"][-1] if last["name"] == "sharding_indexed" else last
        assert inner["name"] == "crc32c", path


def test_every_array_has_a_digest(tmp_path: Path) -> None:
    entry, uri = published(tmp_path)
    assert set(arrays(uri)) == set(entry.digests) | {packing.CONTAINER}  # which is of `create` alone, and says nothing
    assert verify_product(str(tmp_path), entry) == []


def test_any_reader_raises_on_a_flipped_byte_of_any_array(tmp_path: Path) -> None:
    entry, uri = published(tmp_path)
    load(uri)
    found = chunks(uri)
    # of an array that has no file a bucket says 403 to who may not list it
    assert {str(f.relative_to(uri)).removesuffix("/c").split("/c/")[0] for f in found} == set(arrays(uri))
    for file in found:
        whole = file.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            with pytest.raises((ValueError, RuntimeError)):
                load(uri)
        assert verify_product(str(tmp_path), entry), file
        file.write_bytes(whole)
    load(uri)


def test_a_chunk_of_any_array_that_is_gone_is_found(tmp_path: Path) -> None:
    entry, uri = published(tmp_path)
    alike = (packing.CONTAINER, "crs")  # of the fill value: whoever reads them reads the same
    for file in (f for f in chunks(uri) if not {*alike} & set(f.parts)):
        whole = file.read_bytes()
        file.unlink()
        assert verify_product(str(tmp_path), entry), file
        file.write_bytes(whole)
    assert verify_product(str(tmp_path), entry) == []


@pytest.mark.parametrize("flips", [2, pytest.param(5, marks=pytest.mark.slow)])  # benchmarks.runs.flipped has many more
def test_a_flipped_bit_of_any_metadata_is_found(flips: int, tmp_path: Path) -> None:
    entry, uri = published(tmp_path)
    assert verify_product(str(tmp_path), entry) == []
    rng, found = np.random.default_rng(3), 0
    for file in uri.rglob("zarr.json"):
        whole = file.read_bytes()
        for at in rng.integers(len(whole), size=flips):
            flipped = whole[:at] + bytes([whole[at] ^ 1 << rng.integers(8)]) + whole[at + 1 :]
            if not same_json(flipped, whole):
                file.write_bytes(flipped)
                assert verify_product(str(tmp_path), entry), (file, at)
                found += 1
        file.write_bytes(whole)
    assert found > 16 * flips
    assert verify_product(str(tmp_path), entry) == []


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two files say the same."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_an_entry_that_contradicts_its_product_is_found(tmp_path: Path) -> None:
    entry = published(tmp_path)[0]
    judged = entry.model_copy(update={"quality": "degraded", "verified_at": datetime.now(UTC)})
    assert verify_product(str(tmp_path), judged) == [], "a verdict is in one before it is in the other"
    other = entry.model_copy(update={"model_sha256": "0" * 64})
    assert "its model_sha256 is" in verify_product(str(tmp_path), other)[0]


def test_products_of_before_have_no_checksums_and_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = all_digests(in_store(str(tmp_path), publish(str(tmp_path), CYCLE).product))
    monkeypatch.setattr(packing, "checked", lambda codec: [codec])
    monkeypatch.setattr(product, "checked", lambda codec=None: [codec] if codec else "auto")
    entry = publish(str(tmp_path), CYCLE, revision=2)
    uri = in_store(str(tmp_path), entry.product)
    assert "crc32c" not in {c["name"] for m in arrays(Path(uri)).values() for c in m["codecs"]}
    old = entry.model_copy(update={"digests": digests_of(open_zarr(uri))})  # nor had their entries digests of all
    assert verify_product(str(tmp_path), old) == []
    assert all_digests(uri).keys() == new.keys()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1.5, np.nan], np.float32), np.array([1.5, -np.nan])),
        (np.array([True, False]), np.array([1, 0], np.int8)),
        (np.array([3600], "m8[s]"), np.array([1], "m8[h]")),
        (np.array(["a", "b"]), np.array(["a", "b"], np.dtypes.StringDType())),
        (np.arange(6.0).reshape(2, 3)[:, ::2], np.array([[0, 2], [3, 5]], ">f8")),
    ],
)
def test_a_digest_is_of_values_however_they_are_kept(one: np.ndarray, other: np.ndarray) -> None:
    assert array_digest(one) == array_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1.5]), np.array([1.5000001])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.array([0.0]), np.array([-0.0])),
        (np.array(["ab", ""]), np.array(["a", "b"])),
        (np.array([1], "M8[h]"), np.array([2], "M8[h]")),
    ],
)
def test_other_values_have_another_digest(one: np.ndarray, other: np.ndarray) -> None:
    assert array_digest(one) != array_digest(other)
