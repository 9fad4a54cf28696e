"""Speed of inference, side by side in one process: `make bench` (python -m benchmarks.stages.inference).

180 x 360 cells of seven variables to x2 and x2.5, on the same threads. Ours are the shipped packages, which take the
lead times of a slab together and work out once what terrain says: they are given as many, and the time is divided by
their number. The others have nothing in common between lead times. Networks at their published sizes (64 channels, 16
blocks) have weights as initialised: speed does not depend on their values. Every method is run in turn, several rounds,
and the fastest round counts: the machine may be shared.
Writes benchmarks/results/inference-DEVICE.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.baselines.published import Published
from models.downscaler import Downscaler
from models.geometry import Axis, subdivide
from models.operator import IFS, cell_km
from models.statics import Statics
from models.training.methods import build
from tasks.packages import open_package

HEIGHT, WIDTH = 180, 360
LEAD_TIMES = 8  # of a slab
SEEN = IFS.on(cell_km(0.25, 0.25))
PACKAGE, SMALL = "inr-hres", {"channels": 32, "blocks": 8}
FULL = {"channels": 64, "blocks": 16}
RESULTS = Path(__file__).parents[1] / "results"
OURS, LEAN, LARGE = PACKAGE, "inr-hres-lean", "ours with 64 channels"
LIIF, EDSR, EDSR_SMALL = "LIIF as published", "EDSR-x2 as published", "EDSR-x2 with 32 channels, 8 blocks"
# name: method, or nothing of a package; sizes; scales
CASES: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    OURS: ("", {}, (2.0, 2.5)),
    LEAN: ("", {}, (2.0, 2.5)),
    LARGE: ("inr", FULL, (2.0, 2.5)),
    EDSR: ("edsr", FULL | {"ratio": 2}, (2.0,)),
    EDSR_SMALL: ("edsr", SMALL | {"ratio": 2}, (2.0,)),
    LIIF: ("liif", FULL, (2.0, 2.5)),
    "LTE as published": ("lte", FULL, (2.0, 2.5)),
}


def network(case: str) -> Downscaler | Published:
    """A method of CASES, ready for inference."""
    method, sizes, _ = CASES[case]
    if not method:
        return open_package(case).load().to(memory_format=torch.channels_last)
    model = build(method, open_package(PACKAGE).statistics, sizes, published=method != "inr")
    return model.eval().to(memory_format=torch.channels_last)


def at_once(case: str) -> int:
    """How many a method is given at once."""
    return LEAD_TIMES if CASES[case][0] in ("", "inr") else 1


def inputs(
    size: tuple[int, int], scale: float, count: int, device: str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor, Statics, Axis, Axis]:
    """Fields (count, V, H, W), presence, statics of nowhere, and the queries."""
    torch.manual_seed(0)
    rows, cols = (subdivide(n, scale) for n in size)
    stats = open_package(PACKAGE).statistics.variables.values()
    x = torch.stack([s.low + (s.high - s.low) * torch.rand(count, *size, device=device) for s in stats], dim=1)
    return x, torch.ones(1, len(stats), device=device), Statics.unknown(*size, rows, cols).to(device), rows, cols


def runner(case: str, scale: float, device: str) -> Callable[[], torch.Tensor]:
    """One call is one whole inference of as many as `at_once`, from coarse fields to fine ones."""
    model = network(case).to(device)
    given = inputs((HEIGHT, WIDTH), scale, at_once(case), device)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            out: torch.Tensor = model(*given, SEEN)
        if device == "cuda":
            torch.cuda.synchronize()
        return out

    return run


def matmul_peak(device: str) -> float:
    """Multiply-adds a second of a large float32 matrix product: what this machine could do at best."""
    n = 2048 if device == "cpu" else 8192
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    times = []
    for _ in range(4):
        began = time.perf_counter()
        c = a @ b
        float(c[0, 0])
        times.append(time.perf_counter() - began)
    return n**3 / min(times)


def multiply_adds(case: str, scale: float) -> int:
    """Of all convolutions and matrix products of a lead time, counted on the CPU."""
    run = runner(case, scale, "cpu")
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2 // at_once(case)


def high_water() -> int:
    """Largest resident size of this process so far, bytes; Linux. `ru_maxrss` would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def peak_memory(case: str, scale: float, device: str, threads: int) -> int:
    """Bytes that one inference adds at its peak: on a GPU as allocated, on a CPU of a process of its own."""
    if device == "cuda":
        run = runner(case, scale, device)
        run()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return int(torch.cuda.max_memory_allocated() - before)
    command = [
        sys.executable,
        "-m",
        "benchmarks.stages.inference",
        "--memory",
        case,
        str(scale),
        "--threads",
        str(threads),
    ]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def measure(device: str, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Every case at every scale."""
    runs = {(c, s): runner(c, s, device) for c, (_, _, scales) in CASES.items() for s in scales}
    times: dict[tuple[str, float], list[float]] = {k: [] for k in runs}
    peaks = []
    for i in range(rounds + 1):  # the first warms up
        peaks.append(matmul_peak(device))
        for key, run in runs.items():
            began = time.perf_counter()
            run()
            took = (time.perf_counter() - began) / at_once(key[0])
            if i:
                times[key].append(took)
            print(f"round {i}/{rounds} {key[0]} x{key[1]:g}: {took:.2f} s", file=sys.stderr, flush=True)
    out = []
    for (case, scale), seconds in times.items():
        pixels = round(HEIGHT * scale) * round(WIDTH * scale)
        work = multiply_adds(case, scale)
        out.append(
            {
                "case": case,
                "scale": scale,
                "seconds": round(min(seconds), 4),
                "seconds_median": round(float(np.median(seconds)), 4),
                "peak_bytes": peak_memory(case, scale, device, threads),
                "multiply_adds_per_pixel": round(work / pixels),
                "share_of_matmul_peak": round(work / min(seconds) / max(peaks), 4),
            }
        )
    return out


def table(records: list[dict[str, Any]]) -> str:
    """Markdown; times also as multiples of ours at the same scale."""
    ours = {r["scale"]: r["seconds"] for r in records if r["case"] == OURS}
    lines = [
        "| method | scale | s | times ours | peak MB | multiply-adds a pixel | share of matmul peak |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r['case']} | {r['scale']:g} | {r['seconds']:.2f} | {r['seconds'] / ours[r['scale']]:.2f} "
        f"| {r['peak_bytes'] / 1e6:.0f} | {r['multiply_adds_per_pixel']:,} | {r['share_of_matmul_peak']:.2f} |"
        for r in sorted(records, key=lambda r: r["scale"])
    ]
    return "\n".join(lines) + "\n"


INTRO = f"""## Inference

Written from `benchmarks/results/inference-*.json` (`python -m benchmarks.stages.inference`).

Seven variables on {HEIGHT} x {WIDTH} cells to x2 and x2.5, float32, one process, the same threads; the fastest of
several rounds in which every method has its turn. Seconds of a lead time: ours takes the {LEAD_TIMES} of a slab
together and works out once what terrain says, the others have nothing in common between lead times. *As published*: 64
channels and 16 blocks, and for LIIF the local ensemble of four, unfolded features and queries in batches of 30,000.
Ours includes what the others lack: interpolation, statics and their regression. Peak memory is what one inference adds,
of ours with {LEAD_TIMES} lead times. bf16 autocast makes convolutions faster and ours as a whole slower on a CPU, so it
is not used there.
The peak is that of torch's own float32 matrix product; convolutions can be faster than that: shares above 1.

"""


def section() -> str:
    """Of docs/benchmarks.md, from every device's results."""
    text = INTRO
    for path in sorted(RESULTS.glob("inference-*.json")):
        result = json.loads(path.read_text())
        seconds = {(r["case"], r["scale"]): r["seconds"] for r in result["records"]}
        ours = seconds[OURS, 2.0]
        text += f"### {result['device']}, {result['threads']} threads, torch {result['torch']}\n\n"
        text += table(result["records"]) + "\n"
        edsr, liif = seconds[EDSR, 2.0], seconds[LIIF, 2.0]
        full, small = seconds[LARGE, 2.0], seconds[EDSR_SMALL, 2.0]
        text += f"At x2 ours takes {ours / edsr:.2f} times the time of EDSR-x2 as published (goal: at most 0.5) and "
        text += f"LIIF as published {liif / ours:.1f} times ours (goal: at least 40). At equal size ours takes "
        text += f"{full / edsr:.2f} (64 channels, 16 blocks) and {ours / small:.2f} (32, 8) times EDSR-x2's time.\n\n"
    return text.rstrip() + "\n"


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []  # Linux
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory", nargs=2, metavar=("CASE", "SCALE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.memory:
        run = runner(args.memory[0], float(args.memory[1]), "cpu")
        before = high_water()
        run()
        print(high_water() - before)
        return
    records = measure(args.device, args.rounds, args.threads)
    name = torch.cuda.get_device_name() if args.device == "cuda" else processor()
    RESULTS.mkdir(exist_ok=True)
    result = {"device": name, "threads": args.threads, "torch": torch.__version__, "records": records}
    (RESULTS / f"inference-{args.device}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(records))


if __name__ == "__main__":
    main()
