"""What all variables cost beside the network's own seven: requests, messages, job time and bytes of one cycle.

    python -m benchmarks.runs.variables     # prints a table in Markdown, writes benchmarks/results/variables.json

Hubei's 48 lead times from the tests' stand-in for ECMWF open data, whose messages hold China and are a fiftieth of the
real ones. Both ways take their turn in every round; the fastest counts.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ecmwf.opendata.urls import URLS

from benchmarks.runs.whole import size_of
from benchmarks.shared.rounds import about, say
from benchmarks.stages.inference import RESULTS
from flows.downscale import downscale
from models.followers import FOLLOWERS
from models.statistics import VARIABLES as TRAINED
from tests.conftest import write_region
from tests.servers.opendata import OpenData, open_data

FILE = RESULTS / "variables.json"
HOURS = list(range(3, 145, 3))
WAYS = {"the network's seven": list(TRAINED), "all of them": [*TRAINED, *FOLLOWERS]}
ROUNDS = 2


def measure(mirror: OpenData, names: list[str], folder: Path) -> dict[str, float]:
    """One cycle from the mirror to a product."""
    region = write_region(
        folder / "hubei", variables=names, acquire={"mirrors": ["ecmwf"], "confirm": False},
        lead_times={"start": HOURS[0], "stop": HOURS[-1], "step": 3},
    )  # fmt: skip
    os.environ["FINESCALE_WORKSPACE"] = str(folder / "workspace")
    mirror.requests.clear()
    entry = downscale(str(region), source="ifs", store=str(folder / "store")).entry
    assert entry is not None
    return {
        "requests": len(mirror.requests), "messages": len(entry.inputs), "job": sum(entry.timings.values()),
        "downscale": entry.timings["downscale"], "bytes": size_of(folder / "store" / entry.product)[0],
    }  # fmt: skip


def main() -> None:
    """Command line."""
    found: dict[str, dict[str, float]] = {}
    with open_data() as mirror, tempfile.TemporaryDirectory() as folder:
        URLS["ecmwf"] = mirror.url
        now = datetime.now(UTC) - timedelta(hours=9)
        time = now.replace(hour=now.hour // 12 * 12, minute=0, second=0, microsecond=0)
        mirror.add_demo(time, HOURS, followers=True)
        for i in range(ROUNDS):
            for way, names in WAYS.items():
                row = measure(mirror, names, Path(folder) / f"{i}-{len(names)}")
                say(f"{way} {i + 1}/{ROUNDS}: {row}")
                found[way] = min(found.get(way, row), row, key=lambda r: r["job"])
    print("| variables | requests | messages | job, s | downscale, s | product, MB |\n|---|---:|---:|---:|---:|---:|")
    for way, r in found.items():
        print(f"| {way} | {shown(r)} |")
    seven, every = found.values()
    print(f"| ratio | {' | '.join(f'{every[k] / seven[k]:.2f}' for k in seven)} |")
    FILE.write_text(json.dumps({"ways": found} | about(), indent=2) + "\n")


def shown(row: dict[str, Any]) -> str:
    """Cells of a row."""
    count = f"{row['requests']} | {row['messages']}"
    return f"{count} | {row['job']:.1f} | {row['downscale']:.1f} | {row['bytes'] / 1e6:.1f}"


if __name__ == "__main__":
    main()
