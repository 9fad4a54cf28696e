"""Whole runs, from GRIB files to a published product, beside the script that a user would write instead.

    python -m benchmarks.runs.whole                              # writes benchmarks/results/whole.json
    python -m benchmarks.runs.whole --quick                      # Hubei, eight lead times, once; writes nothing
    python -m benchmarks.runs.whole --domains china --rounds 2 --lead-times 16 --out china.json

Each run is a process of its own, watched from outside for memory. *The job* is the sum of the ledger's timings; what
Prefect and imports cost besides is the rest of the wall time. The plain script (benchmarks/runs/plain.py) interpolates
bilinearly: it knows no terrain, checks nothing, and publishes nothing safely.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.runs.cycles import DOMAINS, LEAD_HOURS, PARAMETERS, write_cycle, write_region
from benchmarks.runs.memory import Usage, run_measured
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages import infer, limits
from benchmarks.stages.inference import OURS as NETWORK
from benchmarks.stages.inference import RESULTS, at_once, network
from flows.server.runtime import ENVIRONMENT
from tasks.region import search as regions
from tests.grib import messages

FILE = RESULTS / "whole.json"
LEAD_TIMES = {"hubei": len(LEAD_HOURS), "china": len(LEAD_HOURS), "globe": 1}
ROUNDS = {"hubei": 2, "china": 1, "globe": 1}  # what takes long is little disturbed
SCALE = 5.0  # of these domains
OURS, PLAIN = "finescale", "plain script"
QUIET = ENVIRONMENT | {"PREFECT_API_URL": ""}  # as the command line runs, without a server


def job(region: str, store: str, files: list[str]) -> None:
    """The whole run, in this process; prints what it did as JSON on its last line."""
    from flows.downscale import downscale
    from flows.server.carry_out import carry_out

    outcome = carry_out(downscale, region=region, inputs=files, store=store)
    entry = outcome.entry
    slabs = [{"start": s.start, "stop": s.stop, "seconds": s.seconds} for s in entry.slabs]
    done = {"product": outcome.product, "timings": entry.timings, "slabs": slabs, "variables": entry.variables}
    print(json.dumps(done))


def size_of(folder: Path) -> tuple[int, int]:
    """Bytes and objects of a store."""
    files = [f for f in folder.rglob("*") if f.is_file()]
    return sum(f.stat().st_size for f in files), len(files)


def launch(region: str, files: list[Path], folder: Path) -> tuple[Usage, dict[str, Any]]:
    """One run of ours in a process of its own; what it took, and what it said that it did."""
    home = {"PREFECT_HOME": str(folder / "prefect"), "FINESCALE_WORKSPACE": str(folder / "workspace")}
    log, store = folder / "log", folder / "store"
    command = [sys.executable, "-m", "benchmarks.runs.whole", "--job", region, str(store), *map(str, files)]
    usage = run_measured(command, log, QUIET | home)
    return usage, json.loads(log.read_text().splitlines()[-1])


def product_of(region: str, files: list[Path], folder: Path) -> Path:
    """The product that a run makes, in the folder."""
    return Path(launch(region, files, folder)[1]["product"])


def run_ours(region: str, files: list[Path], folder: Path) -> dict[str, Any]:
    """One run of ours; what it took and what it made."""
    usage, done = launch(region, files, folder)
    size, objects = size_of(Path(done["product"]))
    seconds = round(sum(done["timings"].values()), 3)
    return {"seconds": seconds, "wall": usage.seconds, "bytes": size, "objects": objects, "usage": usage.to_dict()} | {
        k: done[k] for k in ("timings", "slabs")
    }


def run_plain(region: str, files: list[Path], folder: Path) -> dict[str, Any]:
    """One run of the plain script."""
    log, out = folder / "log", folder / "plain.zarr"
    usage = run_measured([sys.executable, "-m", "benchmarks.runs.plain", str(out), region, *map(str, files)], log)
    done = json.loads(log.read_text().splitlines()[-1])
    size, objects = size_of(out)
    return done | {"wall": usage.seconds, "bytes": size, "objects": objects, "usage": usage.to_dict()}


WAYS = {OURS: run_ours, PLAIN: run_plain}


def measure(domain: str, files: list[Path], rounds: int, folder: Path) -> dict[str, Any]:
    """Both ways in turn, so many rounds; the fastest counts, its memory and sizes with it."""
    place = write_region(folder / "regions", domain)
    target = regions.load(place).target
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for i in range(rounds):
        for way, run in WAYS.items():
            here = folder / "run"
            here.mkdir()
            record = run(place, files, here)
            shutil.rmtree(here)
            found[way].append(record)
            parts = ", ".join(f"{k} {v:.1f}" for k, v in record.get("timings", {}).items())
            say(
                f"{domain} round {i + 1}/{rounds} {way}: {record['seconds']:.1f} s ({parts or record['way']}), "
                f"{record['wall']:.1f} s wall, {record['usage']['pss'] / 1e9:.2f} GB at most, "
                f"{record['bytes'] / 1e6:.0f} MB in {record['objects']} objects"
            )
    out: dict[str, Any] = {
        "domain": domain, "rows": target.rows, "cols": target.cols, "lead_times": len(files),
        "grib_bytes": sum(f.stat().st_size for f in files),
    }  # fmt: skip
    for way, records in found.items():
        best = min(records, key=lambda r: r["seconds"])
        out[way] = best | {"rounds": [r["seconds"] for r in records]}
    return out


def run(domains: list[str], rounds: int | None, lead_times: int | None, quick: bool) -> dict[str, Any]:
    """Everything, with the limits of the machine in the same run."""
    records = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {d: min(lead_times or LEAD_TIMES[d], LEAD_TIMES[d]) for d in domains}
        say(f"writing {max(counts.values())} lead times")
        files = write_cycle(folder / "cycle", LEAD_HOURS[: max(counts.values())])
        for domain, count in counts.items():
            # a forecast's start has no rain: a single lead time is a later one
            given = files[:count] if count > 1 else write_cycle(folder / "one", [3])
            records.append(measure(domain, given, rounds or ROUNDS[domain], folder))
        found = limits.measure(folder, messages(files[-1]), quick)
    work = infer.multiply_adds(network(NETWORK), at_once(NETWORK), SCALE)
    return {"about": about(), "limits": found.to_dict(), "multiply_adds_per_pixel": work, "records": records}


def at_best(found: dict[str, Any], record: dict[str, Any]) -> dict[str, float]:
    """Seconds that the machine would need at its limits: to decode the input, to compute, to write the output."""
    limit, pixels = found["limits"], record["lead_times"] * record["rows"] * record["cols"]
    return {
        "prepare": record["grib_bytes"] / limit["decode"],
        "downscale": pixels * found["multiply_adds_per_pixel"] / limit["matmul"],
        "publish": record[OURS]["bytes"] / limit["disk"],
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: ours and the plain script, side by side."""
    lines = [
        "| domain | lead times | way | job, s | wall, s | memory, GB | output, MB | objects |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for r in found["records"]:
        for way in WAYS:
            w = r[way]
            lines.append(
                f"| {r['domain']}, {r['rows']} x {r['cols']} | {r['lead_times']} | {way} | {w['seconds']:.1f} | "
                f"{w['wall']:.1f} | {w['usage']['job'] / 1e9:.2f} | {w['bytes'] / 1e6:.1f} | {w['objects']} |"
            )
        ours, plain = r[OURS], r[PLAIN]
        lines.append(
            f"| | | ours over plain | {ours['seconds'] / plain['seconds']:.2f} | {ours['wall'] / plain['wall']:.2f} | "
            f"{ours['usage']['job'] / plain['usage']['job']:.2f} | {ours['bytes'] / plain['bytes']:.2f} | "
            f"{ours['objects'] / plain['objects']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def stages(found: dict[str, Any]) -> str:
    """Markdown: seconds of each stage of ours."""
    names = list(found["records"][0][OURS]["timings"])
    lines = ["| domain | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for r in found["records"]:
        cells = " | ".join(f"{r[OURS]['timings'].get(n, 0.0):.2f}" for n in names)
        lines.append(f"| {r['domain']} | {cells} |")
    return "\n".join(lines) + "\n"


def shares(found: dict[str, Any]) -> str:
    """Markdown: how near the limits each stage and the whole are."""
    lines = [
        "| domain | decoding, of prepare | network, of downscale | bytes to disk, of publish | all three, of the job |",
        "|---|---:|---:|---:|---:|",
    ]
    for r in found["records"]:
        best, ours = at_best(found, r), r[OURS]
        cells = [f"{s:.2f} s, {100 * s / ours['timings'][stage]:.0f} %" for stage, s in best.items()]
        total = sum(best.values())
        lines.append(f"| {r['domain']} | {' | '.join(cells)} | {total:.2f} s, {100 * total / ours['seconds']:.0f} % |")
    return "\n".join(lines) + "\n"


def section() -> str:
    """Of docs/performance.md."""
    found = json.loads(FILE.read_text())
    machine = found["about"]
    return f"""{machine["device"]}, {machine["cores"]} cores, {machine["threads"]} threads; written from
`benchmarks/results/whole.json` (`python -m benchmarks.runs.whole`). Made-up forecasts of {len(PARAMETERS)} variables,
global GRIB files of {mean_size(found) / 1e6:.1f} MB a lead time, to a product at 0.05 degree on a local disk. *Job*:
the sum of the ledger's timings, for the script without its imports; *wall* has imports too; ours
runs as the command line does without a server. *Memory*: the peak over all processes, shared pages counted once.
The plain script (`benchmarks/runs/plain.py`) interpolates bilinearly: no network, no terrain, no checks, nothing
published safely.

{table(found)}
Seconds by stage:

{stages(found)}
Shares of the limits: what the machine would need at its best for the input's bytes, the network's
{found["multiply_adds_per_pixel"]:,} multiply-adds a pixel and the product's bytes, over what it took.

{shares(found)}"""


def mean_size(found: dict[str, Any]) -> float:
    """Bytes of GRIB a lead time."""
    size, count = (sum(r[k] for r in found["records"]) for k in ("grib_bytes", "lead_times"))
    return float(size / count)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", default=",".join(DOMAINS))
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}")
    parser.add_argument("--lead-times", type=int, help=f"at most; default: {LEAD_TIMES}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, help=f"default: {FILE}, and nothing with --quick")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        region, store, *files = args.job
        job(region, store, files)
        return
    domains = args.domains.split(",")
    if unknown := set(domains) - set(DOMAINS):
        parser.error(f"--domains: {', '.join(sorted(unknown))} not among {', '.join(DOMAINS)}")
    if args.quick:
        domains, args.rounds, args.lead_times = ["hubei"], 1, args.lead_times or 8
    found = run(domains, args.rounds, args.lead_times, args.quick)
    out = args.out or (None if args.quick else FILE)
    if out is not None:
        keep(out, found)
    print(table(found))
    print(stages(found))


if __name__ == "__main__":
    os.environ.update({k: v for k, v in QUIET.items() if k not in os.environ})
    main()
