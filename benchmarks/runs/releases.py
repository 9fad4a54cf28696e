"""Whole runs of another checkout and of this one in turn, on the same files: what a release has made slower.

    python -m benchmarks.runs.releases OTHER --domains hubei china     # writes benchmarks/results/releases.json

OTHER: folder of a checkout with its own .venv. What is compared is the job by the ledger's timings, so without imports
and Prefect's start, and the peak of memory over all processes. The fastest round of each counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.runs.cycles import LEAD_HOURS, write_cycle, write_region
from benchmarks.runs.memory import run_measured
from benchmarks.runs.whole import QUIET
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS

FILE = RESULTS / "releases.json"
HERE = Path(__file__).parents[2]
KNOWN = ("name", "title", "box", "spacing", "terrain", "variables", "observations")  # of region.yaml, to every version
JOBS = ("benchmarks.runs.whole", "benchmarks.whole")  # the module that runs a job, newest first


@dataclass(frozen=True)
class Checkout:
    """A version of finescale that can be run."""

    folder: Path
    python: str

    @property
    def job(self) -> str:
        """Its module that runs one job."""
        return next(m for m in JOBS if (self.folder / Path(*m.split("."))).with_suffix(".py").is_file())

    @property
    def commit(self) -> str:
        """Of its files."""
        command = ["git", "-C", str(self.folder), "describe", "--always", "--dirty"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def run(checkout: Checkout, region: str, files: list[Path], folder: Path) -> dict[str, Any]:
    """One run in a process of its own: seconds of each step and of all, and the peak of memory."""
    home = {"PREFECT_HOME": str(folder / "prefect"), "FINESCALE_WORKSPACE": str(folder / "workspace")}
    log, store = folder / "log", folder / "store"
    command = [checkout.python, "-m", checkout.job, "--job", region, str(store), *map(str, files)]
    usage = run_measured(command, log, QUIET | home, cwd=checkout.folder)
    timings = json.loads(log.read_text().splitlines()[-1])["timings"]
    return {"seconds": round(sum(timings.values()), 3), "timings": timings, "pss": usage.job, "wall": usage.seconds}


def measure(both: dict[str, Checkout], domain: str, rounds: int, folder: Path) -> dict[str, Any]:
    """Both in turn, so many rounds."""
    files = write_cycle(folder / domain, LEAD_HOURS)
    region = write_region(folder / "regions", domain)
    document = Path(region) / "region.yaml"
    settings = yaml.safe_load(document.read_text())
    document.write_text(yaml.safe_dump({k: v for k, v in settings.items() if k in KNOWN}))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in both}
    for i in range(rounds):
        for name, checkout in both.items():
            scratch = folder / "run"
            scratch.mkdir()
            found[name].append(record := run(checkout, region, files, scratch))
            shutil.rmtree(scratch)
            steps = ", ".join(f"{k} {v:.2f}" for k, v in record["timings"].items())
            say(f"{domain} {i + 1}/{rounds} {name}: {record['seconds']:.1f} s ({steps}), {record['pss'] / 1e9:.2f} GB")
    return {name: min(records, key=lambda r: r["seconds"]) | {"rounds": [r["seconds"] for r in records]}
            for name, records in found.items()}  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--domains", nargs="+", default=["hubei", "china"])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    other = args.other.resolve()
    both = {
        "other": Checkout(other, str(other / ".venv/bin/python")),
        "this": Checkout(HERE, sys.executable),
    }
    with tempfile.TemporaryDirectory() as folder:
        domains = {d: measure(both, d, args.rounds, Path(folder)) for d in args.domains}
    for domain, found in domains.items():
        this, before = found["this"], found["other"]
        print(
            f"{domain}: {this['seconds']:.1f} s against {before['seconds']:.1f}, "
            f"{this['seconds'] / before['seconds']:.2f} times; "
            f"{this['pss'] / 1e9:.2f} GB against {before['pss'] / 1e9:.2f}"
        )
    keep(FILE, {"commits": {n: c.commit for n, c in both.items()}, "domains": domains} | about())


if __name__ == "__main__":
    main()
