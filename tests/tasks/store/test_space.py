"""When a disk will be full."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.store.ledger import entries
from tasks.store.space import Space, space
from tests.published import cycle_of, publish

NOW = datetime.now(UTC)


def found(store: Path, keep_days: int | None = None) -> Space:
    of_disk = space(str(store), entries(str(store), "hubei"), keep_days, NOW)
    assert of_disk is not None
    return of_disk


def test_a_disk_lasts_as_long_as_products_of_late_let_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(14):
        publish(str(tmp_path), cycle_of(NOW - timedelta(days=day)), age=timedelta(days=day - 0.5))
    one = sum(f.stat().st_blocks * 512 for f in tmp_path.rglob("*.zarr/**/*") if f.is_file()) / 14
    assert found(tmp_path).a_day == pytest.approx(8 / 7 * one, rel=0.35), "eight of the last week, and what is beside"
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("tasks.store.space.LEAST", 0)  # products of the tests' are small
    for days, well in ((30.5, True), (9.8, False)):
        free = int(days * found(tmp_path).a_day)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert found(tmp_path).days == pytest.approx(days, rel=1e-3)
        assert found(tmp_path).ok is well
    assert str(found(tmp_path)).endswith("GB a day: full in 10 days")


def test_a_disk_without_room_is_not_well_though_nothing_grows() -> None:
    assert Space(free=2 * 10**9, a_day=0, days=None).ok
    assert not Space(free=10**8, a_day=0, days=None).ok


def test_nothing_grows_where_as_much_goes_as_comes_or_nothing_comes(tmp_path: Path) -> None:
    publish(str(tmp_path), cycle_of(NOW - timedelta(days=30)), age=timedelta(days=30))
    assert found(tmp_path).days is None, "nothing of late"
    publish(str(tmp_path), cycle_of(NOW))
    assert found(tmp_path, keep_days=60).days is not None
    assert found(tmp_path, keep_days=30).days is None
    assert "full in" not in str(found(tmp_path, keep_days=30))


def test_of_an_object_store_only_its_server_knows() -> None:
    assert space("s3://bucket/products", [], None, NOW) is None
