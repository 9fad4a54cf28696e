"""Whole runs of another version and of this one in turn, on the same files: what has become faster, and what slower.

    python -m benchmarks.runs.releases OTHER    # a commit or a checkout; writes benchmarks/results/releases.json

What is compared is the job by the ledger's timings, so without imports and Prefect's start; the wall clock with them;
and the peak of memory over all processes. Of a product on S3 it is also how long `export --format netcdf` reads it. The
fastest round of each counts, and every round is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.runs.checkout import Checkout, other, this
from benchmarks.runs.cycles import LEAD_HOURS, write_cycle, write_region
from benchmarks.runs.memory import run_measured
from benchmarks.runs.whole import QUIET
from benchmarks.shared.rounds import about, each_round, keep, say
from benchmarks.stages.inference import RESULTS, matmul_peak
from deployments.bootstrap import create_bucket
from tests.servers.s3 import BUCKET, s3_server

FILE = RESULTS / "releases.json"
KNOWN = ("name", "title", "box", "spacing", "terrain", "variables", "observations")  # of region.yaml, to every version


@dataclass(frozen=True)
class Case:
    """What is run: a domain, lead times, where to; and how many rounds, of what takes long fewer."""

    domain: str
    lead_hours: list[int]
    rounds: int
    s3: bool = False
    model: str = ""  # of this version; empty: the default


CASES = {
    "Hubei, 1 lead time": Case("hubei", LEAD_HOURS[1:2], 3),
    "Hubei, 49 lead times": Case("hubei", LEAD_HOURS, 3),
    "Hubei, 49 lead times, S3": Case("hubei", LEAD_HOURS, 2, s3=True),
    "China, 49 lead times": Case("china", LEAD_HOURS, 2),
    "China, 49 lead times, inr-hres-lean": Case("china", LEAD_HOURS, 1, model="inr-hres-lean"),
    "globe, 1 lead time": Case("globe", LEAD_HOURS[1:2], 2),
}


def run(checkout: Checkout, region: str, files: list[Path], folder: Path, store: str) -> dict[str, Any]:
    """One run in a process of its own: seconds of each step and of all, and the peak of memory."""
    home = {"PREFECT_HOME": str(folder / "prefect"), "FINESCALE_WORKSPACE": str(folder / "workspace")}
    environment, log = QUIET | home, folder / "log"
    command = [checkout.python, "-m", checkout.job, "--job", region, store, *map(str, files)]
    usage = run_measured(command, log, environment, cwd=checkout.folder)
    timings = json.loads(log.read_text().splitlines()[-1])["timings"]
    took = {"job": round(sum(timings.values()), 3), "wall": usage.seconds, "timings": timings, "bytes": usage.pss}
    if not store.startswith("s3:"):
        return took
    command = [
        checkout.program, "export", region, "--format", "netcdf", "--store", store, "--source", "file", "--output",
        str(folder / "out.nc"),
    ]  # fmt: skip
    reading = run_measured(command, folder / "read.log", environment, cwd=checkout.folder)
    return took | {"read": reading.seconds}


def measure(both: dict[str, Checkout], title: str, case: Case, folder: Path) -> dict[str, Any]:
    """Both in turn, so many rounds."""
    files = write_cycle(folder / "cycle", case.lead_hours)
    regions = {}
    for name in both:
        regions[name] = write_region(folder / name, case.domain)
        document = Path(regions[name]) / "region.yaml"
        settings = {k: v for k, v in yaml.safe_load(document.read_text()).items() if k in KNOWN}
        own = {"model": case.model} if case.model and name == "this" else {}
        document.write_text(yaml.safe_dump(settings | own))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in both}
    for i in range(case.rounds):
        for name, checkout in both.items():
            scratch = folder / "run"
            scratch.mkdir()
            store = f"s3://{BUCKET}/{name}-{i}" if case.s3 else str(scratch / "store")
            found[name].append(record := run(checkout, regions[name], files, scratch, store))
            shutil.rmtree(scratch)
            steps = ", ".join(f"{k} {v:.2f}" for k, v in record["timings"].items())
            say(f"{title}, {i + 1}/{case.rounds}, {name}: {record['job']:.1f} s ({steps}), {record['wall']:.1f} wall")
    return {
        name: min(records, key=lambda r: r["job"]) | {"rounds": [r["job"] for r in records]}
        for name, records in found.items()
    }


@contextmanager
def server_if(wanted: bool, folder: Path) -> Iterator[None]:
    """An S3 server on this machine that the environment names, while it is wanted."""
    if not wanted:
        yield
        return
    folder.mkdir()
    with s3_server(folder) as server:
        os.environ.update(server.environment)
        create_bucket(f"s3://{BUCKET}")
        try:
            yield
        finally:
            for name in server.environment:
                del os.environ[name]


def section() -> str:
    """The table for docs/performance.md: ours over the other version's."""
    kept = json.loads(FILE.read_text())
    commit = kept["commits"]["other"]
    lines = [
        "Written from `benchmarks/results/releases.json`",
        f"(`python -m benchmarks.runs.releases {commit}`), on {kept['cores']} cores whose matrix product reaches",
        f"{2 * kept['matmul'] / 1e9:,.0f} GFLOP/s. Whole jobs of both versions in turn on the same files, the fastest",
        "round of each: *job* by the ledger's timings, *wall* with imports, *read* a whole product from S3 to NetCDF.",
        "Ratios of the rounds in brackets: how sure the first is.",
        "",
        f"| case | {commit}, job s | now, s | ratio | of them downscale | wall | memory, GB | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, found in kept["cases"].items():
        before, now = found["other"], found["this"]
        rounds = each_round(now["rounds"], before["rounds"])
        ratio = {k: now[k] / before[k] for k in ("job", "wall", "bytes")}
        network = now["timings"]["downscale"] / before["timings"]["downscale"]
        lines.append(
            f"| {title} | {before['job']:.1f} | {now['job']:.1f} | **{ratio['job']:.2f}** ({rounds}) | {network:.2f} | "
            f"{ratio['wall']:.2f} | {now['bytes'] / 1e9:.2f} | {ratio['bytes']:.2f} |"
        )
        if "read" in now:
            ratio = now["read"] / before["read"]
            lines.append(f"| …, read | {before['read']:.1f} | {now['read']:.1f} | **{ratio:.2f}** | | | | |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="a commit, or the folder of a checkout with its own .venv")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    args = parser.parse_args()
    both = {"other": other(args.other), "this": this()}
    cases = json.loads(FILE.read_text()).get("cases", {}) if len(args.cases) < len(CASES) else {}
    for title in args.cases:
        case = CASES[title]
        with tempfile.TemporaryDirectory() as folder, server_if(case.s3, Path(folder) / "s3"):
            cases[title] = measure(both, title, case, Path(folder))
        peak = {"matmul": matmul_peak("cpu")}
        keep(FILE, {"commits": {n: c.commit for n, c in both.items()}, "cases": cases} | about() | peak)
    print(section())


if __name__ == "__main__":
    main()
