"""docs/accuracy.md from the rows of benchmarks.accuracy.operators. Nothing measured is typed here."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.rows import Row

KINDS = {
    "exact": "Exact: real 0.25 degree fields at the points between",
    "sampled": "Sampled: 0.1 degree fields read at coarser points",
    "means": "Means: the same as means over coarser cells",
}
WORDS = {
    "exact": "A coarser grid of ECMWF's is the same field sampled at fewer points: every second (x2) or fourth (x4) "
    "point of a real field goes in, the points between are the truth. Nothing is simulated.",
    "sampled": "At x2.5 this is a 0.25 degree input and a 0.1 degree product. Regressions are fitted to the training "
    "data in closed form, one scale at a time.",
    "means": "What most papers score: no field that ECMWF serves is made so. Networks of others beside ours on such "
    "inputs: [accuracy/networks.md](accuracy/networks.md); on samples: [accuracy/peers.md](accuracy/peers.md).",
}
SETS = {
    "hres-test": "HRES 0.1°, 2021-12-10 12 UTC + 8 h, 20–40N 100–125E; the rest of that forecast was trained on",
    "arpege-nw": "ARPEGE 0.1°, north-west France, 2018-05-01, 4 times; another model than any trained on",
    "ifs-t2m": "IFS, 2025-01-15 00 UTC + 24 h",
    "ifs-scda": "IFS, 2025-01-15 18 UTC + 24 h",
    "ifs-july": "IFS analysis, 2026-06-30 00 UTC; elsewhere this hour was trained on",
    "ifs-tp": "IFS, rain of 24 h from 2026-07-16 12 UTC; elsewhere this day was trained on",
    "era5-china": "ERA5, 27–35N 114–123E, 10 times from 2026-05-30",
    "era5-uk": "ERA5, 50–58N 10W–2E, 24 times in March 2019",
    "era5-hour": "ERA5, 2012-12-01 14 UTC; elsewhere this hour was trained on (asia: used to choose)",
    "era5-maritime": "ERA5, 2025-11-09 01 UTC, east of 119E; west of it this hour was trained on",
}
SHORT = {"terrain regression": "terrain regr.", "5x5 regression": "5x5 regr."}

HEAD = """# Accuracy

Written by `python -m benchmarks.accuracy.operators evaluation.npz training.npz models/pretrained/inr-hres --page
docs/accuracy.md`; do not edit. All numbers: [operators.json](../benchmarks/results/operators.json).

RMSE of the package over that of the best of the others, chosen case by case on the test data itself, and named; below 1
ours is better, **bold**: it is not. The others are what a forecaster would take: bilinear, cubic through the points,
bilinear brought to the terrain's height with 6.5 K/km or with the region's own lapse rate, the hypsometric formula for
pressure, and regressions where they could be fitted. All get the same input and terrain; coarse terrain is made by the
operator that made the input. What an input's values are, and why it matters: [how it works](how-it-works.md). At
stations: [verify.md](verify.md).

{summary}
*Taken for means*: the same package, told that the input's samples are means over cells, which is what every product
assumed until format 4.

{sets}
"""


def summary(rows: list[Row]) -> str:
    """A line a kind."""
    lines = ["| | cases | mean ratio | below 1 | taken for means |", "|---|---:|---:|---:|---:|"]
    for kind in KINDS:
        ratios = [r.ratio for r in rows if r.kind == kind]
        if ratios:
            mistaken = [r.mistaken / r.others[r.best] for r in rows if r.kind == kind and r.mistaken is not None]
            below = f"{sum(r < 1 for r in ratios)} of {len(ratios)}"
            told = f"{np.mean(mistaken):.3f}" if mistaken else ""
            lines.append(f"| {kind} | {len(ratios)} | {np.mean(ratios):.3f} | {below} | {told} |")
    return "\n".join(lines) + "\n"


def page(rows: list[Row]) -> str:
    """The page."""
    here = {r.dataset for r in rows}
    sets = "\n".join(f"- `{n}`: {w}" for n, w in SETS.items() if any(d.startswith(n) for d in here))
    parts = [HEAD.format(summary=summary(rows), sets=sets)]
    for kind, title in KINDS.items():
        some = [r for r in rows if r.kind == kind]
        if some:
            parts.append(f"## {title}\n\n{WORDS[kind]}\n\n{_ratios(some)}\n")
    parts.append("## The numbers behind\n\nRMSE in K, m/s, Pa and m.\n\n")
    parts += [_folded(kind, [r for r in rows if r.kind == kind]) for kind in KINDS]
    return "".join(parts).rstrip() + "\n"


def _ratios(rows: list[Row]) -> str:
    scales = sorted({r.scale for r in rows})
    lines = ["| set | variable | " + " | ".join(f"x{s:g}" for s in scales) + " |", "|---|---|" + "---:|" * len(scales)]
    for dataset, variable in dict.fromkeys((r.dataset, r.variable) for r in rows):
        found = {r.scale: r for r in rows if (r.dataset, r.variable) == (dataset, variable)}
        cells = [_cell(found[s]) if s in found else "–" for s in scales]
        lines.append(f"| {dataset} | {variable} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Row) -> str:
    figure = f"{row.ratio:.3f}"
    return f"{f'**{figure}**' if row.ratio >= 1 else figure} {SHORT.get(row.best, row.best)}"


def _folded(kind: str, rows: list[Row]) -> str:
    if not rows:
        return ""
    ways = list(dict.fromkeys(w for r in rows for w in r.others))
    head = ["set", "variable", "scale", "finescale", *(SHORT.get(w, w) for w in ways)]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|" + "---:|" * (len(head) - 3)]
    for r in rows:
        figures = [f"{r.others[w]:.4g}" if w in r.others else "–" for w in ways]
        lines.append(f"| {r.dataset} | {r.variable} | x{r.scale:g} | {r.ours:.4g} | " + " | ".join(figures) + " |")
    return f"<details><summary>{kind}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n\n"
