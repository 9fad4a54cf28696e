"""How long a run on a worker takes to begin: Prefect's own worker, and ours, whose runs are copies of a warm process.

    python -m benchmarks.runs.starts     # prints a table in Markdown, writes benchmarks/results/starts.json

A real server and one worker at a time, which asks for work every second, in turn; the run is upkeep of an empty store,
which does next to nothing. Seconds from the moment it is due until it runs, and until it has ended.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.stages.inference import RESULTS
from tests.conftest import write_region
from tests.servers.prefect import Part, Prefect, prefect

FILE = RESULTS / "starts.json"
WAYS = {"`prefect worker start`": Prefect.plain_worker, "`python -m deployments.worker`": Prefect.worker}
ROUNDS, RUNS = 2, 4
WARM = 20.0  # seconds until a worker, and what its runs are copies of, is ready


def measure(office: Prefect, worker: Part) -> list[dict[str, float]]:
    """Some runs, one after the other."""
    found = []
    for _ in range(RUNS):
        due = time.monotonic()
        run = office.submit("maintain/small", region="small")
        while office.state(run)["type"] in ("SCHEDULED", "PENDING"):
            time.sleep(0.02)
        begun = time.monotonic() - due
        while office.state(run)["type"] == "RUNNING":
            time.sleep(0.02)
        ended = time.monotonic() - due
        if (state := office.state(run))["type"] != "COMPLETED":
            sys.exit(f"starts: a run has {state['name']}: {state['message']}; {worker.log}")
        found.append({"begun": begun, "ended": ended})
    return found


def idle_memory(worker: Part) -> float:
    """MB of a worker and of what stands beside it, pages that they share counted once."""
    root = psutil.Process(worker.process.pid)
    return float(sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)]) / 1e6)


def main() -> None:
    """Command line."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    memory: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        write_region(here / "regions/small", name="small")
        places = {"FINESCALE_WORKSPACE": "workspace", "FINESCALE_STORE": "store", "FINESCALE_REGIONS": "regions"}
        with prefect(here / "office", **{name: str(here / place) for name, place in places.items()}) as office:
            for _ in range(ROUNDS):
                for way, start in WAYS.items():
                    worker = start(office, "cpu")
                    time.sleep(WARM)
                    found[way] += measure(office, worker)
                    time.sleep(2)
                    memory[way].append(idle_memory(worker))
                    worker.kill()
                    print(f"{way}: {found[way][-RUNS:]}", file=sys.stderr)
    print("| worker | until it runs, s | until it has ended, s | worker when idle, MB |\n|---|---:|---:|---:|")
    for way, runs in found.items():
        begun, ended = (median(r[what] for r in runs) for what in ("begun", "ended"))
        print(f"| {way} | {begun:.1f} | {ended:.1f} | {median(memory[way]):.0f} |")
    FILE.write_text(json.dumps({"runs": found, "memory": memory}, indent=2) + "\n")


if __name__ == "__main__":
    main()
