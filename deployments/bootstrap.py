"""What a Prefect server must hold before runs: work pools, queues, alarms, deployments; and the store its bucket.

Everything here can be done again and changes nothing then. The environment says which server and store.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import typer
from botocore.exceptions import ClientError
from botocore.session import get_session
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments import automations, notify
from deployments.errors import StackFault
from deployments.generate import deployed, found_regions, render
from deployments.processes import ROOT, program
from flows.server.names import BACKFILL_QUEUE, CPU, POOLS, QUEUES
from tasks.storage import is_remote


def client() -> SyncPrefectClient:
    """Of the server that the environment names."""
    return get_client(sync_client=True)


def create_bucket(store: str) -> None:
    """Make the store's bucket if it is missing; StackFault if the store cannot be reached."""
    if not is_remote(store):
        Path(store).mkdir(parents=True, exist_ok=True)
        return
    bucket = store.partition("://")[2].split("/")[0]
    try:
        s3 = get_session().create_client("s3")  # obstore makes no buckets
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            s3.create_bucket(Bucket=bucket)
    except Exception as error:
        raise StackFault(f"store {store}: {type(error).__name__}: {error}") from None


def create_pools(backfill_runs: int) -> None:
    """Work pools and their queues; what an operator has changed in a pool that is there stays."""
    with client() as api:
        for pool, description in POOLS.items():
            try:
                api.create_work_pool(WorkPoolCreate(name=pool, type="process", description=description))
            except ObjectAlreadyExists:
                continue
        for pool in POOLS:
            for queue, priority in QUEUES.items():
                limit = backfill_runs if (pool, queue) == (CPU, BACKFILL_QUEUE) else None
                _queue(api, pool, queue, priority, limit)


def _queue(api: SyncPrefectClient, pool: str, name: str, priority: int, limit: int | None) -> None:
    try:
        api.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        api.create_work_queue(name, priority=priority, concurrency_limit=limit, work_pool_name=pool)


def create_automations(notify_url: str | None, ui_url: str | None = None) -> int:
    """The alarms, told to who is given, or to who is kept on the server where nobody is given; returns how many."""
    with client() as api:
        address = str(api.api_url).rstrip("/").removesuffix("/api")
        sender = f"-- finescale on {socket.gethostname()}, {ui_url or address}"
        return automations.create(api, found_regions(), notify.settled(api, notify_url), sender)


def try_alarm() -> str:
    """Send one message the way that alarms go; who has taken it, StackFault if nobody has."""
    from deployments.try_alarm import try_alarm

    with client() as api:
        return try_alarm(api)


def alarms_line() -> str:
    """Who is told of alarms, in words."""
    with client() as api:
        who = notify.recipient_kept(api)
    return f"alarms  go to {who}" if who else "alarms  nobody is told: set FINESCALE_NOTIFY_URL, and `make up`"


def deploy(folder: Path) -> list[str]:
    """Deploy every region found; returns the deployments' names."""
    found = found_regions()
    file = folder / "prefect.yaml"
    file.write_text(render(found), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "FINESCALE_HOME"}  # for the workers to fill in
    done = subprocess.run(
        [program("prefect"), "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        end = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise StackFault(f"prefect deploy failed:\n{end}")
    return deployed(found)


def online_workers() -> dict[str, int]:
    """How many workers of each pool answer."""
    with client() as api:
        return {
            pool: sum(w.status == "ONLINE" for w in api.read_workers_for_work_pool(work_pool_name=pool))
            for pool in POOLS
        }


def main() -> None:
    """All of it, for a server and a store that somebody else runs: the compose file, a cluster."""
    store = os.environ.get("FINESCALE_STORE", "products")
    create_bucket(store)
    create_pools(backfill_runs=1)
    alarms = create_automations(os.environ.get("FINESCALE_NOTIFY_URL") or None)
    with tempfile.TemporaryDirectory() as folder:
        names = deploy(Path(folder))
    typer.echo(f"store {store}, {alarms} alarms, deployments: {', '.join(names)}")


if __name__ == "__main__":
    main()
