"""Scoring many stations and lead times: time and memory, beside plain loops over library `scores`.

    python -m benchmarks.stages.verify     # 10,000 stations x 240 lead times; writes benchmarks/results/verify.json

Both give the same numbers (asserted): bias, MAE, RMSE and correlation of 18 ways to read t2m, pooled, by lead time and
by station. A loop over stations and lead times is timed on a part of them and scaled up; all else runs whole.
"""

from __future__ import annotations

import json
import os
import platform
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scores.continuous as library
import xarray as xr

from tasks.handover.candidates import ALL, candidates
from tasks.validate.scores import score, tabulate

RESULTS = Path(__file__).parents[1] / "results" / "verify.json"
STATIONS, LEAD_TIMES = 10_000, 240
SAMPLE = 50  # stations, and as many lead times, that the plain loop is timed on
SCORES = {
    "bias": library.additive_bias, "mae": library.mae, "rmse": library.rmse, "correlation": library.correlation.pearsonr
}  # fmt: skip


def pairs_of(stations: int, lead_times: int, seed: int = 0) -> pd.DataFrame:
    """Pairs as matching gives them."""
    rng, n = np.random.default_rng(seed), stations * lead_times
    names = pd.Categorical.from_codes(np.repeat(np.arange(stations), lead_times), [f"S{i:05}" for i in range(stations)])
    spans = {"latitude": (18, 53), "longitude": (74, 134), "elevation": (0, 3000), "above": (-350, 350)}
    place = {c: np.repeat(rng.uniform(*span, stations), lead_times) for c, span in spans.items()}
    times = pd.date_range("2026-11-01T01", periods=lead_times, freq="h", unit="ns")
    observed = rng.normal(285, 8, n).astype(np.float32)
    forecasts = {c.name: observed + rng.standard_normal(n, dtype=np.float32) * 2 for c in candidates("t2m")}
    return pd.DataFrame(
        {
            "station": names, "network": "synop", **place, "time": np.tile(times, stations),
            "lead_hours": np.tile(np.arange(1.0, lead_times + 1), stations), "variable": "t2m", "period": 0.0,
            "observed": observed, **forecasts,
        }
    )  # fmt: skip


def ours(pairs: pd.DataFrame) -> pd.DataFrame:
    """Everything that validation makes of pairs, intervals, groups of heights and skill included."""
    return tabulate(pairs, score(pairs).scores)


def arrays(pairs: pd.DataFrame, stations: int, lead_times: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Forecasts (candidate, station, lead) and observations (station, lead)."""
    names = [c.name for c in candidates("t2m")]
    shape = (stations, lead_times)
    forecast = np.stack([pairs[n].to_numpy().reshape(shape) for n in names])
    dims = ("station", "lead")
    coords = {"candidate": names}
    return (
        xr.DataArray(forecast, coords, ("candidate", *dims)),
        xr.DataArray(pairs["observed"].to_numpy().reshape(shape), dims=dims),
    )


def vectorised(pairs: pd.DataFrame) -> dict[str, Any]:
    """One call of the library a score and way of pooling, over whole arrays."""
    forecast, observed = arrays(pairs, STATIONS, LEAD_TIMES)
    keep = {"pooled": ["candidate"], "lead time": ["candidate", "lead"], "station": ["candidate", "station"]}
    return {by: {n: f(forecast, observed, preserve_dims=d) for n, f in SCORES.items()} for by, d in keep.items()}


def loop(pairs: pd.DataFrame) -> float:
    """Seconds that a plain loop would take: one call of the library a score, candidate and station or lead time."""
    forecast, observed = arrays(pairs, STATIONS, LEAD_TIMES)
    seconds = 0.0
    for dim, size in (("station", STATIONS), ("lead", LEAD_TIMES)):
        began = time.perf_counter()
        for i in range(SAMPLE):
            o = observed.isel({dim: i})
            for candidate in forecast["candidate"].values:
                f = forecast.sel(candidate=candidate).isel({dim: i})
                for function in SCORES.values():
                    function(f, o)
        seconds += (time.perf_counter() - began) * size / SAMPLE
    return seconds


def _measured(name: str, queue: Any) -> None:
    """In a process of its own: time, and memory beyond what the pairs take."""
    pairs = pairs_of(STATIONS, LEAD_TIMES)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    began = time.perf_counter()
    result: Any = {"ours": ours, "vectorised": vectorised, "loop": loop}[name](pairs)
    seconds = result if name == "loop" else time.perf_counter() - began
    size = float(pairs.memory_usage(deep=True).sum()) / 1e6
    queue.put({"seconds": seconds, "pairs_mb": size, "more_mb": _memory("VmHWM") - before})


def _memory(what: str) -> float:
    """MB, as Linux counts this process's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return float(line.split()[1]) / 1e3


def measure(name: str) -> dict[str, float]:
    """Time and memory of one way."""
    context = get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measured, args=(name, queue))
    process.start()
    found: dict[str, float] = queue.get()
    process.join()
    return found


def assert_same() -> None:
    """Both ways give the same numbers, on fewer stations."""
    pairs = pairs_of(200, 24)
    table = ours(pairs)
    forecast, observed = arrays(pairs, 200, 24)
    for by, dim in (("lead time", "lead"), ("station", "station")):
        mine = table[(table["by"] == by) & (table["group"] == ALL)]
        for name, function in SCORES.items():
            wanted: xr.DataArray = function(forecast, observed, preserve_dims=["candidate", dim])
            wide = mine.pivot_table(
                index="candidate", columns="station" if dim == "station" else "lead_hours", values=name
            )
            got = wide.loc[list(forecast["candidate"].values)].to_numpy()
            np.testing.assert_allclose(got, wanted.values, rtol=2e-4, atol=1e-5)


def section() -> str:
    """For docs/benchmarks.md."""
    found = json.loads(RESULTS.read_text())
    titles = {
        "ours": "ours: pooled in four groups of heights with intervals, skill; by lead time and station in two",
        "vectorised": "`scores`, one call a score for all: pooled, by lead time, by station; one group, no intervals",
        "loop": f"`scores` in a loop over stations and lead times (timed on {SAMPLE} of each, scaled up)",
    }
    about, runs = found["about"], found["runs"]
    text = (
        f"{about['stations']:,} stations x {about['lead_times']} lead times of t2m, 18 candidates: bias, MAE, RMSE, "
        f"correlation; {len(runs)} runs, each way in a process of its own. The pairs themselves take "
        f"{runs[0]['ours']['pairs_mb']:.0f} MB. All ways give the same numbers."
    )
    where = "Written from `benchmarks/results/verify.json` (`python -m benchmarks.stages.verify`)."
    lines = [
        "## Scoring",
        "",
        where,
        "",
        text,
        "",
        "| | s | times ours | MB beyond the pairs |",
        "|---|---:|---:|---:|",
    ]
    for name, title in titles.items():
        seconds = ", ".join(f"{r[name]['seconds']:.1f}" for r in runs)
        ratios = ", ".join(f"{r[name]['seconds'] / r['ours']['seconds']:.1f}" for r in runs)
        memory = max(r[name]["more_mb"] for r in runs)
        lines.append(f"| {title} | {seconds} | {ratios} | {'–' if name == 'loop' else f'{memory:.0f}'} |")
    return "\n".join(lines) + "\n"


def main(runs: int = 2) -> None:
    """Measure, print, keep."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    assert_same()
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(runs):
        rounds.append({name: measure(name) for name in ("ours", "vectorised", "loop")})
        for name, found in rounds[-1].items():
            ratio = found["seconds"] / rounds[-1]["ours"]["seconds"]
            more = f"{found['more_mb']:6.0f} MB beyond the pairs"
            print(f"{name:10} {found['seconds']:8.1f} s ({ratio:5.1f} x ours), {more}")
    about = {"stations": STATIONS, "lead_times": LEAD_TIMES, "machine": platform.machine(), "cores": os.cpu_count()}
    RESULTS.write_text(json.dumps({"about": about, "runs": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
