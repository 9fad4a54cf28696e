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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from flows.products.gaps import fire_times
from flows.server.names import CATCH_UP_DEPLOYMENT, CAUGHT_UP, deployment
from tasks.acquire import open_source

CRON = "45 7,19 * * *"
PATIENCE = 300.0  # seconds for a part that was killed to be back
LOOK = {"silent_minutes": 0.75, "unbegun_minutes": 1.5, "listen_seconds": 65}  # sped up


def environment_of(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """For the stack and its clients: own ports, own region, the stand-in's address; of this process nothing of ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "AWS_", "FINESCALE"))}
    mirror = f"http://127.0.0.1:{ports['MIRROR']}"
    return kept | {k: str(v) for k, v in ports.items() if k != "MIRROR"} | {
        "FINESCALE_STACK": str(folder / "stack"),
        "FINESCALE_REGIONS": str(folder / "regions"),
        "ECMWF_OPENDATA_URLS": json.dumps(dict.fromkeys(("ecmwf", "aws"), mirror)),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def known(environment: dict[str, str]) -> dict[str, str]:
    """What `stack/env` tells clients."""
    text = (Path(environment["FINESCALE_STACK"]) / "env").read_text()
    return {name: value.strip("'") for name, value in re.findall(r"export (\w+)=(.*)", text)}


class Office:
    """One stack that is up."""

    def __init__(self, environment: dict[str, str], region: str) -> None:
        self.environment, self.region = environment | known(environment), region
        self.looked = -1e9
        self.runs: dict[str, str] = {}  # stamp -> id of its scheduled run

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

    def due_from(self, stamp: str) -> None:
        """As if the region had been deployed when this cycle became due: it and what is newer was due by now."""
        time_of = datetime.fromisoformat(f"{stamp}:00+00:00")
        service = open_source("ifs")
        fires = fire_times(CRON, time_of, time_of + timedelta(days=2))
        due = next(t for t in fires if service.due(t).time == time_of)
        found = self._ask("GET", f"/deployments/name/{deployment('downscale', self.region)}")
        self._sql("UPDATE deployment SET created = $1 WHERE id = $2", due, found["id"])

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

    def start(self, stamp: str) -> None:
        """The run that the schedule would start."""
        self.runs[stamp] = self._start(deployment("downscale", self.region), {"cycle": stamp})

    def has_ended(self, stamp: str) -> bool:
        """Whether that run has, well or badly."""
        state = self._ask("GET", f"/flow_runs/{self.runs[stamp]}")["state"]["type"]
        return state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def look(self, every: float) -> None:
        """Have catch-up look, as its schedule does, unless it looked within so many seconds."""
        if time.monotonic() - self.looked > every:
            self._start(CATCH_UP_DEPLOYMENT, {"only": [self.region], **LOOK})
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
            f"found = s({self.region!r}, None); assert not found.prefect.problem; "
            "print(json.dumps([m.cycle.split('/')[1] for m in found.missing]))"
        )
        found: list[str] | None = self._of_store(code)
        return found

    def counts(self) -> dict[str, int]:
        """Cycles made, runs crashed, runs that made a cycle again."""
        code = (
            "import json, os; from tasks.store.ledger import entries; "
            f"print(json.dumps(sum(e.good for e in entries(os.environ['FINESCALE_STORE'], {self.region!r}))))"
        )

        def count(**chosen: Any) -> int:
            flow = {"name": {"any_": ["downscale"]}}
            return int(self._ask("POST", "/flow_runs/count", {"flow_runs": chosen, "flows": flow}))

        state = {"type": {"any_": ["CRASHED"]}}
        again = {"tags": {"all_": [CAUGHT_UP]}}
        return {
            "made": self._of_store(code),
            "crashed": count(state=state),
            "made_again": count(state={"type": {"any_": ["COMPLETED"]}}, **again),
            "tries": count(**again),
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
def left_over():
    found = [*staging_leftovers(store, later), *scratch_leftovers(join(default_workspace()), {self.region!r}, later)]
    return found, unknown_products(store, {self.region!r}, entries(store, {self.region!r}), later)
scratch, products = left_over()
for item in scratch: remove(item.uri)
for item in products: remove_product(item.uri)
print(json.dumps([item.uri for kind in left_over() for item in kind]))
"""
        found: list[str] | None = self._of_store(code)
        return found
