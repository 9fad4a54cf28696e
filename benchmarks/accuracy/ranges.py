"""How good a region's ranges would have been: real forecasts and observations, run by run; the textbook beside it.

    python -m benchmarks.accuracy.ranges DATA    # prints Markdown, writes benchmarks/results/ranges.json

DATA: folder with stations/pairs. Nothing is fitted on what scores: each run knows what was observed when it began.
Beside it, of UWME, whose eight members there are: the members as they are, and EMOS (Gneiting et al. 2005,
doi:10.1175/MWR2904.1): a normal distribution around a + b * mean of members with variance c + d * theirs, the four
fitted anew for each day by least CRPS over all stations and the 30 days before, the best window of that paper.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import norm

from benchmarks.stages.inference import RESULTS
from tasks.calibrate.ranges import normal_crps
from tasks.calibrate.reliability import reliability
from tasks.calibrate.rolling import rolling
from tasks.observations.paired import read_paired

FILE = RESULTS / "ranges.json"
WINDOW, HISTORY = 30, 14  # days: of EMOS, and at UWME's beginning that are not scored
UWME, MEMBERS = "srft_uwme_2004_t2m.csv.gz", ("CMCG", "ETA", "GASP", "GFS", "JMA", "NGPS", "TCWB", "UKMO")
FURTHEST = 15.0  # K between forecast and observation: as calibration's
ARCHIVES = {
    "UWME 2004, +48 h, ensemble mean": (UWME, "ens_mean_K", {}, HISTORY),
    "UWME 2004, +48 h, ensemble mean, and members' spread": (UWME, "ens_mean_K", {}, HISTORY, True),
    "LDAPS Seoul, next day's maximum": ("ldaps_seoul_2013_2017.csv.gz", "", {"element": "Tmax"}, 0),
    "LDAPS Seoul, next day's minimum": ("ldaps_seoul_2013_2017.csv.gz", "", {"element": "Tmin"}, 0),
}


def crps_of_members(members: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Of equally likely members (n, members)."""
    apart = np.abs(members[:, :, None] - members[:, None, :]).mean(axis=(1, 2)) / 2
    return np.asarray(np.abs(members - observed[:, None]).mean(axis=1) - apart)


def emos(table: pd.DataFrame) -> Iterator[tuple[float, float, float]]:
    """CRPS, absolute error and how far into its distribution the observation lies, of each pair that is scored."""
    day = table["time"].dt.floor("D")
    members = table[list(MEMBERS)].to_numpy()
    mean, spread, observed = members.mean(axis=1), members.var(axis=1), table["obs_K"].to_numpy()
    first, start = day.min() + pd.Timedelta(days=HISTORY + 2), np.array([0.0, 1.0, 1.0, 1.0])
    for one in sorted(day.unique()):
        then = ((day <= one - pd.Timedelta(days=2)) & (day > one - pd.Timedelta(days=WINDOW + 2))).to_numpy()
        now = (day == one).to_numpy()
        if one < first or then.sum() < 100:
            continue
        centre = mean[then].mean()  # so that a and b are not the same question

        def at(p: np.ndarray, where: np.ndarray, around: float = centre) -> tuple[np.ndarray, np.ndarray]:
            return p[0] + around + p[1] * (mean[where] - around), np.sqrt(p[2] ** 2 + p[3] ** 2 * spread[where] + 1e-6)

        def loss(p: np.ndarray, then: np.ndarray = then) -> float:
            middle, size = at(p, then)
            return float(normal_crps(observed[then] - middle, size).mean())

        start = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 600}).x
        middle, size = at(start, now)
        yield from zip(
            normal_crps(observed[now] - middle, size), np.abs(observed[now] - middle),
            norm.cdf((observed[now] - middle) / size), strict=True,
        )  # fmt: skip


def peers(data: Path) -> list[dict[str, object]]:
    """Members as they are, and EMOS."""
    table = pd.read_csv(data / UWME).dropna(subset=[*MEMBERS, "obs_K"])
    table["time"] = pd.to_datetime(table["time_utc"], utc=True).dt.tz_localize(None)
    members = table[list(MEMBERS)].to_numpy()
    table = table[np.abs(members.mean(axis=1) - table["obs_K"]) <= FURTHEST]
    found = np.array(list(emos(table)))
    late = table[table["time"].dt.floor("D") >= table["time"].min().floor("D") + pd.Timedelta(days=HISTORY + 2)]
    members, observed = late[list(MEMBERS)].to_numpy(), late["obs_K"].to_numpy()
    rank = (members < observed[:, None]).mean(axis=1)
    raw = (crps_of_members(members, observed), np.abs(members.mean(axis=1) - observed), rank)
    rows: list[dict[str, object]] = []
    for name, (crps, error, place) in {"eight members as they are": raw, "EMOS": tuple(found.T)}.items():
        rows.append({
            "archive": "UWME 2004, +48 h", "way": name, "count": len(crps), "mae": float(error.mean()),
            "crps": float(crps.mean()), "inside": float(((place >= 0.1) & (place <= 0.9)).mean()),
            "pit": (np.histogram(place, np.linspace(0, 1 + 1e-9, 11))[0] / len(place)).round(4).tolist(),
        })  # fmt: skip
    return rows


def ours(
    data: Path, file: str, column: str, only: dict[str, str], history: int, members: bool = False
) -> Iterator[dict[str, object]]:
    """Left out, and with its own past; `members`: their spread is known."""
    with tempfile.TemporaryDirectory() as folder:
        table = pd.read_csv(data / file)
        for name, value in only.items():
            table = table[table[name] == value]
        part = Path(folder) / "pairs.csv"
        table.drop(columns=list(only)).to_csv(part, index=False)
        pairs = rolling(read_paired(str(part), column))
    if members:
        time = pd.to_datetime(table["time_utc"], utc=True).dt.tz_localize(None).astype(pairs["time"].dtype)
        key = [table["station"].astype(str), time]
        spread = table[list(MEMBERS)].std(axis=1).groupby(key).first()
        pairs["spread"] = spread.reindex(pd.MultiIndex.from_frame(pairs[["station", "time"]])).to_numpy()
    begun = pairs["time"] - pd.to_timedelta(pairs["lead_hours"], unit="h")
    for way in ("left_out", "own"):
        for row in reliability(pairs, way, begun.min() + pd.Timedelta(days=history)):
            yield {"way": way} | asdict(row)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data / "stations" / "pairs"
    rows = peers(data) + [{"archive": name} | row for name, how in ARCHIVES.items() for row in ours(data, *how)]
    FILE.write_text(json.dumps(rows, indent=1) + "\n")
    print("| pairs | way | n | MAE | CRPS | CRPS / MAE | in 10–90 % | least and most of a tenth |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for r in rows:
        pit = np.array(r["pit"])
        figures = f"{r['mae']:.3f} | {r['crps']:.3f} | {r['crps'] / r['mae']:.3f} | {100 * r['inside']:.1f} %"  # type: ignore[operator,str-format]
        print(f"| {r['archive']} | {r['way']} | {r['count']} | {figures} | {pit.min():.3f}, {pit.max():.3f} |")


if __name__ == "__main__":
    main()
