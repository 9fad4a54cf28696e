"""Writes prefect.yaml from the regions found. `python -m deployments.generate` rewrites the committed file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
import yaml

from tasks.region import search as regions
from tasks.region.document import Region

COMMITTED = Path(__file__).with_name("prefect.yaml")
HEADER = """\
# Made by `python -m deployments.generate` from the regions found; do not edit: a region's times are in its region.yaml.
# From the project's root, with a server: prefect deploy --all --prefect-file deployments/prefect.yaml
"""

CPU, GPU = "cpu", "gpu"
LIVE, BACKFILL = "live", "backfill"

# Left as it is when deployed and filled in by the worker's process: each machine has its own checkout.
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $FINESCALE_HOME }}"}}]

Deployment = dict[str, Any]


def _deployment(
    flow: str,
    name: str,
    description: str,
    *,
    parameters: dict[str, Any],
    tags: list[str],
    cron: str | None = None,
    pool: str = CPU,
    queue: str = LIVE,
    one_at_a_time: bool = True,
) -> Deployment:
    """One entry of prefect.yaml; `flow` is both the module under flows/ and the function in it."""
    entry: Deployment = {
        "name": name,
        "description": description,
        "entrypoint": f"flows/{flow}.py:{flow}",
        "tags": tags,
        "parameters": parameters,
        "work_pool": {"name": pool, "work_queue_name": queue},
        "schedules": [{"cron": cron, "timezone": "UTC"}] if cron else [],
    }
    if one_at_a_time:  # runs after an outage wait their turn, none is dropped
        entry["concurrency_limit"] = {"limit": 1, "collision_strategy": "ENQUEUE"}
    return entry


def of_region(region: Region) -> list[Deployment]:
    """The deployments of one region."""
    name, title, schedule = region.name, region.title, region.schedule
    place = region.folder.name  # what it is found by
    return [
        _deployment(
            "downscale",
            name,
            f"{title}: one IFS cycle from ECMWF open data to a published product.",
            parameters={"region": place, "source": "ifs"},
            tags=["finescale", name, "ifs"],
            cron=schedule.ifs,
        ),
        _deployment(
            "downscale",
            f"{name}-era5",
            f"{title}: the newest day of ERA5 to a published product.",
            parameters={"region": place, "source": "era5"},
            tags=["finescale", name, "era5"],
            cron=schedule.era5,
        ),
        _deployment(
            "backfill",
            name,
            f"{title}: every cycle from `start` to `end` that is not published yet.",
            parameters={"region": place},
            tags=["finescale", name, "backfill"],
            queue=BACKFILL,
        ),
        _deployment(
            "verify",
            name,
            f"{title}: scores what is published against stations, as observations arrive.",
            parameters={"region": place},
            tags=["finescale", name, "verify"],
            cron=schedule.verify,
        ),
        _deployment(
            "maintain",
            name,
            f"{title}: removes what is older than is kept, and reads products again by value.",
            parameters={"region": place},
            tags=["finescale", name, "maintain"],
            cron=schedule.maintain,
        ),
    ]


def build(found: list[Region]) -> dict[str, Any]:
    """Content of prefect.yaml for these regions."""
    shared = _deployment(
        "super_resolve",
        GPU,
        "Inference of one slab of lead times, started by downscale.",
        parameters={},
        tags=["finescale", "inference"],
        pool=GPU,
        one_at_a_time=False,  # the GPU worker's --limit holds: one run a GPU
    )
    return {
        "name": "finescale",
        "pull": PULL,
        "deployments": [entry for region in found for entry in of_region(region)] + [shared],
    }


def render(found: list[Region]) -> str:
    """Text of prefect.yaml for these regions."""
    return HEADER + yaml.safe_dump(build(found), sort_keys=False, allow_unicode=True, width=110)


def found_regions() -> list[Region]:
    """Every region that can be named: shipped, and under FINESCALE_REGIONS."""
    return [regions.load(name) for name in regions.names()]


def main(output: Path = COMMITTED) -> None:
    """Write prefect.yaml for the regions found."""
    output.write_text(render(found_regions()), encoding="utf-8")
    typer.echo(f"{output}: {len(build(found_regions())['deployments'])} deployments")


if __name__ == "__main__":
    typer.run(main)
