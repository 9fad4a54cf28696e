"""Deployment maintain: what a run removes, finds and says, here and on S3."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.maintain import ProductDamaged, maintain
from tasks.errors import WrongClock
from tasks.storage import write_bytes
from tasks.store.ledger import entries
from tasks.store.withdrawal import mark
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.published import content, cycle_of, latest, products, publish, put_product, spoil

pytestmark = pytest.mark.usefixtures("prefect_server")

NOW = datetime.now(UTC)


def age(folder: Path, days: float) -> None:
    at = time.time() - days * 86400
    for file in [folder, *folder.rglob("*")]:
        os.utime(file, (at, at))


def test_everything_at_once_and_then_nothing_is_left_to_do(store: str, workspace: Path) -> None:
    old = publish(store, cycle_of(NOW - timedelta(days=40)))
    kept = publish(store, cycle_of(NOW))
    seen = content(store)
    plan = maintain("hubei", store=store, keep_days=30, dry_run=True)
    assert (plan.expired, content(store)) == ([old.cycle], seen)
    report = maintain("hubei", store=store, keep_days=30)
    assert (report.expired, sorted(report.checked)) == ([old.cycle], sorted([old.cycle, kept.cycle]))
    assert products(store) == {kept.product}
    assert latest(store) == kept.product
    seen = content(store)
    again = maintain("hubei", store=store, keep_days=30)
    assert (again.expired, again.unknown, again.leftovers, content(store)) == ([], [], [], seen)


def test_region_says_how_long_and_by_default_for_ever(
    tmp_path: Path, workspace: Path, make_region: RegionMaker
) -> None:
    store = str(tmp_path / "store")
    old, new = publish(store, cycle_of(NOW - timedelta(days=400))), publish(store, cycle_of(NOW))
    assert maintain("hubei", store=store).expired == []
    assert products(store) == {old.product, new.product}
    assert maintain(str(make_region(keep={"days": 30})), store=store).expired == [old.cycle]


def test_leftovers_of_killed_runs_go_and_what_was_fetched_stays(tmp_path: Path, workspace: Path) -> None:
    store = str(tmp_path / "store")
    kept = publish(store, cycle_of(NOW))
    lost = put_product(store, cycle_of(NOW - timedelta(days=1)))
    for name in ("raw/ifs/2026-11-21T00/a.grib2", "hubei/ifs-2026-11-21T00-0a1b2c3d/fields.zarr/zarr.json"):
        write_bytes(str(workspace / name), b"x")
    write_bytes(str(tmp_path / "store/_staging/hubei-ifs-2026-11-21T00-0a1b2c3d.zarr/zarr.json"), b"x")
    young = maintain("hubei", store=store)
    assert (young.unknown, young.leftovers) == ([], [])
    for folder in (tmp_path / "store" / lost, tmp_path / "store/_staging", workspace):
        age(folder, 2)
    age((tmp_path / "store" / lost).with_suffix(".png"), 2)
    report = maintain("hubei", store=store)
    assert (len(report.unknown), len(report.leftovers)) == (2, 2)
    assert products(store) == {kept.product}
    assert [str(f.relative_to(workspace)) for f in workspace.rglob("*") if f.is_file()] == [
        "raw/ifs/2026-11-21T00/a.grib2"
    ]


def test_damaged_product_fails_the_run_with_what_to_type_and_readers_get_the_last_good_one(
    store: str, workspace: Path
) -> None:
    good, bad = publish(store, cycle_of(NOW - timedelta(hours=12))), publish(store, cycle_of(NOW))
    spoil(store, bad)
    state = maintain("hubei", store=store, return_state=True)
    assert state.is_failed()
    with pytest.raises(ProductDamaged) as raised:
        state.result()
    message, report = str(raised.value), raised.value.report
    assert state.message == message
    assert "\n" not in message
    assert f"{bad.cycle}: t2m at +3 h" in message
    assert list(report.damaged) == [bad.cycle]
    assert sorted(report.checked) == sorted([good.cycle, bad.cycle])
    source, stamp = bad.cycle.split("/")
    assert f"make it again: finescale run hubei --source {source} --cycle {stamp}" in message
    assert message.endswith("readers are led to the last good one")
    assert latest(store) == good.product
    assert {e.cycle: e.state for e in entries(store, "hubei")} == {good.cycle: "published", bad.cycle: "damaged"}
    assert maintain("hubei", store=store).damaged == {}, "it is known by then"
    again = publish(store, cycle_of(NOW), revision=2)
    assert latest(store) == again.product
    assert maintain("hubei", store=store).checked == [good.cycle, again.cycle]


def test_the_only_product_damaged_leaves_no_latest(tmp_path: Path, workspace: Path) -> None:
    store = str(tmp_path / "store")
    bad = publish(store, cycle_of(NOW))
    spoil(store, bad)
    with pytest.raises(ProductDamaged, match="dry run: nothing was changed"):
        maintain("hubei", store=store, dry_run=True)
    assert latest(store) is not None
    with pytest.raises(ProductDamaged, match="no good product of ifs is left"):
        maintain("hubei", store=store)
    assert latest(store) is None


def test_latest_that_a_killed_withdrawal_left_behind_is_put_right(tmp_path: Path, workspace: Path) -> None:
    store = str(tmp_path / "store")
    good, bad = publish(store, cycle_of(NOW - timedelta(hours=12))), publish(store, cycle_of(NOW))
    mark(store, bad, "withdrawn", "wrong")
    assert latest(store) == bad.product
    maintain("hubei", store=store)
    assert latest(store) == good.product


def test_commands(tmp_path: Path, workspace: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    good, bad = publish(store, cycle_of(NOW - timedelta(hours=12))), publish(store, cycle_of(NOW))
    shown = finescale("maintain", "hubei", "--store", store, "--keep-days", "30", "--dry-run")
    assert (shown.exit_code, shown.output.splitlines()[-1]) == (
        0,
        (
            "would remove 0 cycles, 0 products or pictures without an entry, pairs of 0 cycles, 0 left-overs; "
            "read 2 products, 0 damaged"
        ),
    )
    spoil(store, bad)
    plan = finescale("maintain", "hubei", "--store", store, "--dry-run", "--json")
    assert (plan.exit_code, list(json.loads(plan.stdout)["damaged"])) == (1, [bad.cycle])
    assert plan.stderr.splitlines()[-1].endswith("dry run: nothing was changed")
    shown = finescale("maintain", "hubei", "--store", store)
    assert (shown.exit_code, shown.stdout.splitlines()[-1][-9:]) == (1, "1 damaged")
    assert shown.output.splitlines()[-1].startswith(f"finescale: hubei: damaged: {bad.cycle}: t2m at +3 h")
    stamp = good.cycle.split("/")[1]
    shown = finescale("withdraw", "hubei", stamp, "--why", "wrong terrain", "--store", store)
    assert (shown.exit_code, shown.output.splitlines()[-1]) == (0, "withdrawn; no good product is left")
    shown = finescale("withdraw", "hubei", "2001-01-01T00", "--why", "x", "--store", store)
    assert (shown.exit_code, "not in the ledger" in shown.output) == (2, True)


def test_a_wrong_clock_is_refused_before_anything_is_removed(store: str, workspace: Path) -> None:
    old = publish(store, cycle_of(NOW - timedelta(days=50)))
    publish(store, cycle_of(NOW))

    class TwoHoursBehind(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() - 7200)

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), TwoHoursBehind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with (
            temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}),
            pytest.raises(WrongClock, match="clock is 120 min ahead"),
        ):
            maintain.fn("hubei", store, keep_days=10)
    finally:
        server.shutdown()
    assert old.product in {e.product for e in entries(store, "hubei")}
