"""Health at a glance: products against when they are due, runs and pools of a real Prefect server."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed, Scheduled

from flows.products.status import region_status, source_health
from flows.server.answers import prefect_health
from flows.server.health import PoolHealth, PrefectHealth
from tasks.handover.candidates import HEADLINE
from tasks.region import search as regions
from tasks.store.ledger import entries
from tasks.store.scores import write_scores
from tasks.store.withdrawal import mark
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.published import cycle_of, publish

pytestmark = pytest.mark.usefixtures("prefect_server")

NOW = datetime.now(UTC)


def verdicts(store: str) -> dict[str, tuple[str, bool]]:
    found = source_health(regions.load("hubei"), store, entries(store, "hubei"), NOW)
    return {h.source: (h.verdict, h.ok) for h in found}


def test_sources_are_held_against_when_products_are_due(store: str) -> None:
    assert verdicts(store) == {"ifs": ("none", False), "era5": ("none", False)}, "what is scheduled is expected"
    publish(store, cycle_of(NOW - timedelta(hours=30)))
    publish(store, cycle_of(NOW - timedelta(days=7), "era5"))
    publish(store, cycle_of(NOW - timedelta(days=2000), "demo"))
    assert verdicts(store) == {"ifs": ("old", False), "era5": ("ok", True), "demo": ("made", True)}
    newest = publish(store, cycle_of(NOW - timedelta(hours=18)))
    assert verdicts(store)["ifs"] == ("ok", True)
    mark(store, newest, "withdrawn", "wrong")
    assert verdicts(store)["ifs"] == ("old", False), "a withdrawn product is none"


def test_damaged_product_needs_looking_after_and_a_withdrawn_one_was(tmp_path: Path) -> None:
    store = str(tmp_path)
    for hours, state in ((30, "damaged"), (18, "published"), (6, "withdrawn")):
        publish(store, cycle_of(NOW - timedelta(hours=hours)), state=state)
    (ifs,) = (h for h in source_health(regions.load("hubei"), store, entries(store, "hubei"), NOW) if h.source == "ifs")
    assert (ifs.verdict, ifs.damaged, ifs.withdrawn, ifs.ok) == ("ok", 1, 1, False)
    assert str(ifs).endswith("1 damaged  1 withdrawn")


def test_a_month_of_scores_is_shown_beside_the_best_other_and_drift_is_named(
    tmp_path: Path, finescale: CommandLine
) -> None:
    store = str(tmp_path)
    publish(store, cycle_of(NOW - timedelta(hours=18)))
    common = {"by": "pooled", "variable": "t2m", "period": 0.0, "units": "K", "group": HEADLINE, "count": 100}
    for day in range(40):
        rmse = 1.5 if day < 7 else 1.0 + day / 1000
        rows = [common | {"candidate": c, "rmse": r, "bias": 0.1, "lead_hours": float("nan"), "station": ""}
                for c, r in (("product_bilinear_standard", rmse), ("input_bilinear_standard", 1.3))]  # fmt: skip
        cycle = cycle_of(NOW - timedelta(days=day, hours=1))
        write_scores(store, "hubei", cycle, 1, True, pd.DataFrame(rows))
    shown = finescale("status", "hubei", "--store", store).stdout
    assert "against stations, the last 30 days:" in shown
    (line,) = [line for line in shown.splitlines() if "input, bilinear, 6.5 K/km" in line]
    assert line.split()[:2] == ["ifs", "t2m"]
    assert "1.3" in line
    (drift,) = [line for line in shown.splitlines() if "drift" in line]
    assert "t2m: RMSE 1.5 K in 7 cycles of the 7 days to" in drift


def test_source_that_is_not_scheduled_is_not_missed(tmp_path: Path, make_region: RegionMaker) -> None:
    region = regions.load(str(make_region(schedule={"era5": None})))
    assert [h.source for h in source_health(region, str(tmp_path), [], NOW)] == ["ifs"]


def test_what_had_not_to_be_there_yet_is_not_missed(make_region: RegionMaker) -> None:
    hours = f"0 {(NOW.hour + 6) % 24} * * *"
    region = regions.load(str(make_region(schedule={"ifs": hours, "era5": None, "deadline_minutes": 60})))
    first = (NOW + timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)

    def seen(deployed: datetime | None, now: datetime = NOW) -> tuple[str, bool, str]:
        (ifs,) = source_health(region, "/nowhere", [], now, deployed={"ifs": deployed})
        return ifs.verdict, ifs.ok, str(ifs)

    shown = f"ifs   due    first due {first:%Y-%m-%d %H:%M} UTC"
    assert seen(NOW) == ("due", True, shown)
    assert seen(NOW, first + timedelta(minutes=59)) == ("due", True, shown), "until the deadline"
    assert seen(NOW, first + timedelta(minutes=61))[:2] == ("none", False)
    assert seen(NOW - timedelta(days=2))[:2] == ("none", False)
    assert seen(None)[:2] == ("none", False), "nobody runs its schedule"


def test_a_stack_half_a_minute_old_is_well_and_what_is_not_is_marked(
    tmp_path: Path, make_region: RegionMaker, finescale: CommandLine
) -> None:
    schedule = {"ifs": f"0 {(NOW.hour + 6) % 24} * * *", "era5": None}
    region = make_region(name="fresh", schedule=schedule, inference={"where": "here"})
    a_pool_with_a_worker()
    deployment = deploy("downscale", ["finescale", "fresh", "ifs"], "cpu", "fresh")
    deploy("catch-up", ["finescale"], "cpu", "all")
    done = finescale("status", region, "--store", tmp_path / "store", "--check")
    assert (done.exit_code, "ifs   due    first due" in done.output) == (0, True), done.output
    assert not [line for line in done.output.splitlines() if line.startswith("!")]
    assert "catch-up/all             never ran" in done.output, "it looks after all regions"
    run_of(deployment, Failed(message="no mirror answers"))
    done = finescale("status", region, "--store", tmp_path / "store", "--check")
    assert done.exit_code == 1
    (marked,) = [line for line in done.output.splitlines() if line.startswith("!")]
    assert marked.startswith("! downscale/fresh")
    assert "no mirror answers" in marked


def a_pool_with_a_worker() -> None:
    with get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name="cpu", type="process"))
        client.send_worker_heartbeat("cpu", "a", 30.0)


def deploy(name: str, tags: list[str], pool: str, called: str = "hubei") -> UUID:
    @flow(name=name)
    def nothing() -> None: ...

    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(nothing)
        return client.create_deployment(
            flow_id, name=called, tags=tags, work_pool_name=pool, entrypoint="x.py:nothing", path="."
        )


def run_of(deployment: UUID, state: Any, minutes_ago: float = 0) -> None:
    with get_client(sync_client=True) as client:
        due = NOW - timedelta(minutes=minutes_ago)
        run = client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=due))
        if state is not None:
            client.set_flow_run_state(run.id, state, force=True)


def test_runs_and_pools_of_a_server(tmp_path: Path, finescale: CommandLine) -> None:
    hubei = regions.load("hubei")
    a_pool_with_a_worker()
    downscale = deploy("downscale", ["finescale", "hubei", "ifs"], "cpu")
    maintain = deploy("maintain", ["finescale", "hubei"], "cpu")
    deploy("backfill", ["finescale", "hubei"], "cpu")
    run_of(deploy("downscale-elsewhere", ["finescale", "sichuan"], "cpu"), None)
    run_of(downscale, Failed(message="before"), 20)
    run_of(downscale, Completed(message="hubei: 49 lead times"), 10)
    run_of(maintain, Failed(message="damaged: ifs/2026\nsecond line"))
    health = prefect_health(hubei, datetime.now(UTC))
    assert health.problem == ""
    rows = {d.name: (d.state, d.message, d.ok) for d in health.deployments if d.name != "catch-up/all"}
    assert rows == {
        "downscale/hubei": ("Completed", "hubei: 49 lead times", True),
        "maintain/hubei": ("Failed", "damaged: ifs/2026", False),
        "backfill/hubei": ("", "", True),
    }
    assert health.pools == [
        PoolHealth(name="cpu", status="ready", workers=1, queued=1, ok=True),
        PoolHealth(name="gpu", status="not there", ok=False),
    ]
    assert not health.ok
    store = str(tmp_path / "store")
    publish(store, cycle_of(datetime.now(UTC)))
    shown = finescale("status", "hubei", "--store", store).output
    assert "maintain/hubei           Failed" in shown
    assert "pool cpu    ready, 1 worker online, 1 run waiting" in shown
    assert "pool gpu    not there" in shown
    status = json.loads(finescale("status", "hubei", "--store", store, "--json").output)
    assert PrefectHealth.model_validate({k: v for k, v in status["prefect"].items() if k != "ok"}).pools == health.pools
    run_of(downscale, None)
    later = prefect_health(hubei, datetime.now(UTC) + timedelta(hours=1))
    assert [d.ok for d in later.deployments if d.name == "downscale/hubei"] == [False], "due, and nobody takes it"


def test_without_a_server_a_source_that_was_never_made_is_one_that_nobody_runs(
    tmp_path: Path, finescale: CommandLine
) -> None:
    store = str(tmp_path / "store")
    with temporary_settings({PREFECT_API_URL: None}):
        publish(store, cycle_of(NOW - timedelta(days=2000), "demo"))
        lines = finescale("status", "hubei", "--store", store).output.splitlines()
        assert lines[1:3] == ["era5  never  nobody runs it", "ifs   never  nobody runs it"]
        assert finescale("status", "hubei", "--store", store, "--check").exit_code == 0
        mark(store, publish(store, cycle_of(NOW - timedelta(days=4))), "damaged", "a bit")
        assert finescale("status", "hubei", "--store", store, "--check").exit_code == 1, "one that was made is missed"


def test_silent_server_is_one_line_and_the_rest_is_shown(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    publish(store, cycle_of(datetime.now(UTC)))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = finescale("status", "hubei", "--store", store)
        assert finescale("status", "hubei", "--store", store, "--check").exit_code == 1
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "! era5  none   no good product"
    assert lines[1].startswith("ifs   ok     ifs/")
    assert any("Prefect server http://127.0.0.1:9/api does not answer" in line for line in lines)
    assert "published" in result.output


def test_check_is_content_without_a_server_when_products_are(
    tmp_path: Path, finescale: CommandLine, make_region: RegionMaker
) -> None:
    store, region = str(tmp_path / "store"), make_region(schedule={"era5": None})
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert finescale("status", region, "--store", store, "--check").exit_code == 1
        entry = publish(store, cycle_of(datetime.now(UTC)))
        result = finescale("status", region, "--store", store, "--check")
        assert (result.exit_code, "no Prefect server is configured" in result.output) == (0, True)
        mark(store, entry, "damaged", "t2m at +3 h")
        result = finescale("status", region, "--store", store, "--check")
        assert (result.exit_code, f"{entry.cycle} is damaged: t2m at +3 h" in result.output) == (1, True)


def test_json_has_everything(tmp_path: Path) -> None:
    entry = publish(str(tmp_path), cycle_of(NOW))
    status = region_status("hubei", str(tmp_path), ask_prefect=False)
    assert status.sources[1].cycle == status.cycles[0].cycle == entry.cycle
    found = json.loads(status.model_dump_json())
    assert list(found) == [
        "region", "store", "ok", "sources", "prefect", "space", "missing", "latest", "scores", "cycles",
    ]  # fmt: skip
    assert set(found["sources"][1]) == {
        "source", "verdict", "cycle", "product", "age_hours", "limit_hours", "damaged", "withdrawn", "quarantined",
        "degraded", "first_due", "ok",
    }  # fmt: skip
    assert set(found["prefect"]) == {"api", "problem", "deployments", "pools", "waiting", "ok"}
    assert found["latest"] == {"ifs": json.loads((tmp_path / "hubei/ifs/latest.json").read_text())}
    assert found["scores"] == {"ifs": {"days": 30, "variables": [], "drift": []}}
    assert set(found["cycles"][0]) == {
        "cycle", "state", "why", "quality", "product", "published_at", "age", "lead_times", "variables", "absent",
        "preliminary", "final_due", "model", "seconds",
    }  # fmt: skip
    assert found["cycles"][0]["published_at"] == entry.published_at.isoformat()
