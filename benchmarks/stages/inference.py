"""Speed of inference, side by side in one process: `make bench` (python -m benchmarks.stages.inference).

180 x 360 cells of seven variables to x2 and x2.5, on the same threads, with weights as initialised: speed does not
depend on their values. Networks at their published sizes (64 channels, 16 blocks), and at the size of the shipped
package. Every method is run in turn, several rounds, and the fastest round counts: the machine may be shared.
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

from models.geometry import Axis, subdivide
from models.statics import Statics
from models.statistics import VARIABLES, Statistics, VariableStatistics
from models.training.methods import build

HEIGHT, WIDTH = 180, 360
SHIPPED = {"channels": 32, "blocks": 8}
FULL = {"channels": 64, "blocks": 16}
RESULTS = Path(__file__).parents[1] / "results"
OURS, LIIF, EDSR = "ours, shipped size", "LIIF as published", "EDSR-x2 as published"
# name: method, sizes, published framing, scales
CASES: dict[str, tuple[str, dict[str, Any], bool, tuple[float, ...]]] = {
    OURS: ("inr", SHIPPED, False, (2.0, 2.5)),
    "ours, full size": ("inr", FULL, False, (2.0, 2.5)),
    EDSR: ("edsr", FULL | {"ratio": 2}, True, (2.0,)),
    "EDSR-x2, shipped size": ("edsr", SHIPPED | {"ratio": 2}, True, (2.0,)),
    LIIF: ("liif", FULL, True, (2.0, 2.5)),
    "LTE as published": ("lte", FULL, True, (2.0, 2.5)),
}


def inputs(device: str, rows: Axis, cols: Axis) -> tuple[torch.Tensor, torch.Tensor, Statics]:
    """Fields (1, V, H, W), presence and statics of nowhere."""
    torch.manual_seed(0)
    x = torch.randn(1, len(VARIABLES), HEIGHT, WIDTH, device=device)
    return x, torch.ones(1, len(VARIABLES), device=device), Statics.unknown(HEIGHT, WIDTH, rows, cols).to(device)


def runner(case: str, scale: float, device: str) -> Callable[[], torch.Tensor]:
    """One call is one whole inference, from coarse fields to fine ones."""
    method, sizes, published, _ = CASES[case]
    laws = {n: VariableStatistics(0.0, 1.0, (0.2, 0.8), n == "tp") for n in VARIABLES}
    model = build(method, Statistics(laws), sizes, published).to(device).eval()
    model = model.to(memory_format=torch.channels_last)
    rows, cols = subdivide(HEIGHT, scale), subdivide(WIDTH, scale)
    x, present, statics = inputs(device, rows, cols)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            out = model(x, present, statics, rows, cols)
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
    """Of all convolutions and matrix products of one inference, counted on the CPU."""
    run = runner(case, scale, "cpu")
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


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
    runs = {(c, s): runner(c, s, device) for c, (_, _, _, scales) in CASES.items() for s in scales}
    times: dict[tuple[str, float], list[float]] = {k: [] for k in runs}
    peaks = []
    for i in range(rounds + 1):  # the first warms up
        peaks.append(matmul_peak(device))
        for key, run in runs.items():
            began = time.perf_counter()
            run()
            if i:
                times[key].append(time.perf_counter() - began)
            took = time.perf_counter() - began
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
several rounds in which every method has its turn. *As published*: 64 channels and 16 blocks, and for LIIF the local
ensemble of four, unfolded features and queries in batches of 30,000. *Shipped size*: 32 channels and 8 blocks, as the
package. Ours includes what the others lack: interpolation, statics and their regression. Peak memory is what one
inference adds. bf16 autocast makes convolutions faster and ours as a whole slower on a CPU, so it is not used there.
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
        full, small = seconds["ours, full size", 2.0], seconds["EDSR-x2, shipped size", 2.0]
        text += f"At x2 ours takes {ours / edsr:.2f} times the time of EDSR-x2 as published (goal: at most 1.5) and "
        text += f"LIIF as published {liif / ours:.1f} times ours (goal: at least 10). At equal size ours takes "
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
