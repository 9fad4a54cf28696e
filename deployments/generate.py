"""Writes prefect.yaml from the regions found. `python -m deployments.generate` rewrites the committed file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
import yaml

from flows.server import names
from tasks.region import search as regions
from tasks.region.document import Region

COMMITTED = Path(__file__).with_name("prefect.yaml")
HEADER = """\
# Made by `python -m deployments.generate` from the regions found; do not edit: a region's times are in its region.yaml.
# From the project's root, with a server: prefect deploy --all --prefect-file deployments/prefect.yaml
"""

# Left as it is when deployed and filled in by the worker's process: each machine has its own checkout. Prefect imports
# the flow from there: the folder is on sys.path for as long as that takes.
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $FINESCALE_HOME }}"}}]

Content = dict[str, Any]  # as YAML has it


@dataclass(frozen=True)
class Deployment:
    """A row of the table below: one flow as it is deployed."""

    flow: str
    description: str  # after the region's title
    tag: str  # beside those of all, and the region's
    parameters: dict[str, str] = field(default_factory=dict)  # beside the region
    schedule: str | None = None  # key of region.yaml's `schedule`
    cron: str | None = None  # the schedule itself, of what is deployed once for all regions
    suffix: str = ""  # of the name, where a flow is deployed twice
    name: str = ""  # of what is deployed once for all regions
    pool: str = names.CPU
    queue: str = names.LIVE_QUEUE
    one_at_a_time: bool = True
    late: str = "ENQUEUE"  # what becomes of a run while another is at work: it waits its turn, none is dropped


OF_A_REGION = [
    Deployment(
        names.DOWNSCALE, "one IFS cycle from ECMWF open data to a published product.", "ifs",
        parameters={"source": "ifs"}, schedule="ifs",
    ),
    Deployment(
        names.DOWNSCALE, "members of one ENS cycle from ECMWF open data to a published product.", "ens",
        parameters={"source": "ens"}, schedule="ens", suffix="-ens",
    ),
    Deployment(
        names.DOWNSCALE, "one AIFS cycle from ECMWF open data to a published product.", "aifs",
        parameters={"source": "aifs"}, schedule="aifs", suffix="-aifs",
    ),
    Deployment(
        names.DOWNSCALE, "the newest day of ERA5 to a published product.", "era5",
        parameters={"source": "era5"}, schedule="era5", suffix="-era5",
    ),
    Deployment(
        names.BACKFILL, "every cycle from `start` to `end` that is not published yet.", "backfill",
        queue=names.BACKFILL_QUEUE,
    ),
    Deployment(
        names.VERIFY, "scores what is published against stations, as observations arrive.", "verify",
        schedule="verify", queue=names.UPKEEP_QUEUE,
    ),
    Deployment(
        names.MAINTAIN, "removes what is older than is kept, and reads products again by value.", "maintain",
        schedule="maintain", queue=names.UPKEEP_QUEUE,
    ),
]  # fmt: skip
OF_ALL_REGIONS = [
    Deployment(
        names.CATCH_UP, "Starts runs of cycles that were due and are missing; ends runs that are gone.", "catch-up",
        cron="*/5 * * * *", queue=names.UPKEEP_QUEUE, name=names.REGIONS, late="CANCEL_NEW",
    ),
    Deployment(
        names.SUPER_RESOLVE, "Inference of one slab of lead times, started by downscale.", "inference",
        name=names.GPU, pool=names.GPU, one_at_a_time=False,  # the GPU worker's --limit holds: one run a GPU
    ),
]  # fmt: skip


def entry(row: Deployment, region: Region | None) -> Content:
    """A row's entry in prefect.yaml, for a region or for all."""
    cron = getattr(region.schedule, row.schedule) if region is not None and row.schedule else row.cron
    # a region goes by the folder that it is found by, its deployments by its name
    given = {} if region is None else {"region": region.folder.name}
    found: Content = {
        "name": row.name if region is None else f"{region.name}{row.suffix}",
        "description": row.description if region is None else f"{region.title}: {row.description}",
        "entrypoint": names.entrypoint(row.flow),
        "tags": [names.TAG, *([] if region is None else [region.name]), row.tag],
        "parameters": given | row.parameters,
        "work_pool": {"name": row.pool, "work_queue_name": row.queue},
        "schedules": [{"cron": cron, "timezone": "UTC"}] if cron else [],
    }
    if row.one_at_a_time:
        found["concurrency_limit"] = {"limit": 1, "collision_strategy": row.late}
    return found


def rows(found: list[Region]) -> list[tuple[Deployment, Region | None]]:
    """What is deployed for these regions, in the file's order."""
    return [*((row, region) for region in found for row in OF_A_REGION), *((row, None) for row in OF_ALL_REGIONS)]


def build(found: list[Region]) -> Content:
    """Content of prefect.yaml for these regions."""
    return {"name": names.PROJECT, "pull": PULL, "deployments": [entry(row, region) for row, region in rows(found)]}


def deployed(found: list[Region]) -> list[str]:
    """What the server will call the deployments: `downscale/hubei`."""
    return [names.deployment(row.flow, entry(row, region)["name"]) for row, region in rows(found)]


def render(found: list[Region]) -> str:
    """Text of prefect.yaml for these regions."""
    return HEADER + yaml.safe_dump(build(found), sort_keys=False, allow_unicode=True, width=110)


def found_regions() -> list[Region]:
    """Every region that can be named: shipped, and under FINESCALE_REGIONS."""
    return [regions.load(name) for name in regions.names()]


def main(output: Path = COMMITTED) -> None:
    """Write prefect.yaml for the regions found."""
    found = found_regions()
    output.write_text(render(found), encoding="utf-8")
    typer.echo(f"{output}: {len(rows(found))} deployments")


if __name__ == "__main__":
    typer.run(main)
