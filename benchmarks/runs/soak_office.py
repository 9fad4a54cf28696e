"""What the soak asks of the stack's Prefect server and store, patiently: both are killed now and then."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import yaml

from flows.server.names import CATCH_UP_DEPLOYMENT, CAUGHT_UP, deployment

HOURS = ("00", "12")  # of the cycles that are due in a day
PATIENCE = 300.0  # seconds for a part that was killed to be back
LOOK = {"silent_minutes": 0.75, "unbegun_minutes": 1.5, "listen_seconds": 65}  # sped up
PORTS = ("FINESCALE_S3_PORT", "FINESCALE_UI_PORT", "FINESCALE_POSTGRES_PORT")


def schedule_until(day: date) -> str:
    """A cron line by which both cycles of each day of the month are due, up to this day and no later."""
    return f"45 7,19 1-{day.day} {day.month} *"


def environment_of(folder: Path, ports: dict[str, int], at_once: int) -> dict[str, str]:
    """For the stack and its clients: ports, regions, the stand-in's address; of this process nothing of ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "AWS_", "FINESCALE"))}
    mirror = f"http://127.0.0.1:{ports['MIRROR']}"
    return kept | {name: str(ports[name]) for name in PORTS} | {
        "FINESCALE_STACK": str(folder / "stack"),
        "FINESCALE_REGIONS": str(folder / "regions"),
        "FINESCALE_CPU_RUNS": str(at_once),
        "FINESCALE_GPU_WORKERS": str(min(at_once, 2)),  # a slab's process mostly begins and ends
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",  # to ask again; 30 by default
        # a run that was killed keeps its region's only place for so many seconds; 300 by default
        "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "60",
        "ECMWF_OPENDATA_URLS": json.dumps(dict.fromkeys(("ecmwf", "aws"), mirror)),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def known(environment: dict[str, str]) -> dict[str, str]:
    """What `stack/env` tells clients."""
    text = (Path(environment["FINESCALE_STACK"]) / "env").read_text()
    return {name: value.strip("'") for name, value in re.findall(r"export (\w+)=(.*)", text)}


class Office:
    """One stack that is up."""

    def __init__(self, environment: dict[str, str], regions: list[str]) -> None:
        self.environment, self.regions = environment | known(environment), regions
        self.looked = -1e9

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """An answer of the API, asked for until it comes."""
        user, _, word = self.environment.get("PREFECT_API_AUTH_STRING", "").partition(":")
        until = time.monotonic() + PATIENCE
        while True:
            try:
                answer = httpx.request(
                    method, f"{self.environment['PREFECT_API_URL']}{path}", json=body, timeout=20, trust_env=False,
                    auth=(user, word) if user else None,
                )  # fmt: skip
                answer.raise_for_status()
                return answer.json() if answer.content else None
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    def _start(self, name: str, parameters: dict[str, Any]) -> str:
        found = self._ask("GET", f"/deployments/name/{name}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self._ask("POST", f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def due_since(self, day: date) -> None:
        """As if the regions had been deployed on this day: what was due before is none of catch-up's."""
        for region in self.regions:
            found = self._ask("GET", f"/deployments/name/{deployment('downscale', region)}")
            created = datetime(day.year, day.month, day.day, tzinfo=UTC)
            self._sql("UPDATE deployment SET created = $1 WHERE id = $2", created, UUID(found["id"]))

    def due_until(self, day: date) -> None:
        """The cycles of this day are due by the regions' schedule, and none after them."""
        for region in self.regions:
            file = Path(self.environment["FINESCALE_REGIONS"]) / region / "region.yaml"
            data = yaml.safe_load(file.read_text())
            data["schedule"]["ifs"] = schedule_until(day)
            partial = file.with_suffix(".partial")
            partial.write_text(yaml.safe_dump(data))
            partial.replace(file)

    def _sql(self, statement: str, *given: Any) -> None:
        import asyncio

        import asyncpg

        word = json.loads((Path(self.environment["FINESCALE_STACK"]) / "secrets.json").read_text())["postgres"]
        url = f"postgresql://postgres:{word}@127.0.0.1:{self.environment['FINESCALE_POSTGRES_PORT']}/postgres"

        async def change() -> None:
            connection = await asyncpg.connect(url, timeout=10)
            await connection.execute(statement, *given)
            await connection.close()

        self._until(lambda: asyncio.run(change()))

    def _until(self, act: Callable[[], None]) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    def start(self, region: str, stamp: str) -> None:
        """The run that the schedule would start."""
        self._start(deployment("downscale", region), {"cycle": stamp})

    def at_work(self) -> int:
        """How many runs of downscale wait or run, of those that are due."""
        types = ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]
        now = datetime.now(UTC).isoformat()
        return self._count(state={"type": {"any_": types}}, expected_start_time={"before_": now})

    def _count(self, **chosen: Any) -> int:
        flow = {"name": {"any_": ["downscale"]}}
        return int(self._ask("POST", "/flow_runs/count", {"flow_runs": chosen, "flows": flow}))

    def look(self, every: float) -> None:
        """Have catch-up look, as its schedule does, unless it looked within so many seconds."""
        if time.monotonic() - self.looked > every:
            self._start(CATCH_UP_DEPLOYMENT, {"only": self.regions, **LOOK})
            self.looked = time.monotonic()

    def _of_store(self, code: str) -> Any:
        """What a piece of code prints as JSON that runs with the stack's environment; None if the store is away."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code], env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        with suppress(ValueError, IndexError):
            return json.loads(done.stdout.splitlines()[-1])
        return None

    def missing(self) -> list[str] | None:
        """Cycles that were due and are not there, by `finescale status`; None if it does not say."""
        code = (
            "import json; from flows.products.status import region_status as s; "
            f"found = [s(region, None) for region in {self.regions!r}]; "
            "assert not any(f.prefect.problem for f in found); "
            "print(json.dumps([f'{f.region} {m.cycle}' for f in found for m in f.missing]))"
        )
        found: list[str] | None = self._of_store(code)
        return found

    def counts(self) -> dict[str, int]:
        """Cycles made, runs crashed, runs that made a cycle again."""
        code = (
            "import json, os; from tasks.store.ledger import entries; store = os.environ['FINESCALE_STORE']; "
            f"print(json.dumps(sum(e.good for region in {self.regions!r} for e in entries(store, region))))"
        )
        again = {"tags": {"all_": [CAUGHT_UP]}}
        return {
            "made": self._of_store(code),
            "crashed": self._count(state={"type": {"any_": ["CRASHED"]}}),
            "failed": self._count(state={"type": {"any_": ["FAILED"]}}),
            "made_again": self._count(state={"type": {"any_": ["COMPLETED"]}}, **again),
            "tries": self._count(**again),
        }

    def orphans(self) -> list[str] | None:
        """What nobody knows of after maintain, as it does it in two days: what is younger may be somebody's."""
        code = f"""
import json, os
from datetime import UTC, datetime, timedelta
from tasks.locations import default_workspace
from tasks.storage import join, remove
from tasks.store.ledger import entries
from tasks.store.retention import remove_product, scratch_leftovers, staging_leftovers, unknown_products
store, later = os.environ['FINESCALE_STORE'], datetime.now(UTC) + timedelta(days=2)
regions, workspace = {self.regions!r}, join(default_workspace())
def left_over():
    scratch = [*staging_leftovers(store, later), *(i for r in regions for i in scratch_leftovers(workspace, r, later))]
    return scratch, [i for r in regions for i in unknown_products(store, r, entries(store, r), later)]
scratch, products = left_over()
for item in scratch: remove(item.uri)
for item in products: remove_product(item.uri)
print(json.dumps([item.uri for kind in left_over() for item in kind]))
"""
        found: list[str] | None = self._of_store(code)
        return found
