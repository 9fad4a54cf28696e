"""docs/performance/cost.svg: seconds against output pixels, on log axes (python -m benchmarks.runs.cost).

From results of benchmarks.stages (networks alone) and benchmarks.runs.whole (runs from files to a product).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.accuracy.figures import COLOURS, OURS, PLAIN
from benchmarks.runs import whole
from benchmarks.stages import infer, inference
from benchmarks.stages import suite as stages

PICTURE = Path(__file__).parents[2] / "docs" / "performance" / "cost.svg"
SIZE = 8.6, 5.2  # inches
GREY, RULE = "#5a5a5a", "#dddddd"
LEADER = {"arrowstyle": "-", "lw": 0.7, "alpha": 0.45, "shrinkB": 5, "relpos": (0, 0.5)}
UNITS = {1e3: "1 k", 1e4: "10 k", 1e5: "100 k", 1e6: "1 M", 1e7: "10 M", 1e8: "100 M"}


@dataclass(frozen=True)
class Series:
    """One line: seconds for one lead time of seven variables, by output pixels."""

    label: str
    pixels: list[int]
    seconds: list[float]
    colour: str
    whole: bool  # a run from files to product; else the network alone

    @property
    def exponent(self) -> float:
        """Of the power law fitted to it."""
        return infer.exponent(self.pixels, self.seconds)


def runs(found: dict[str, Any], way: str) -> tuple[list[int], list[float]]:
    """Output pixels of a lead time, and seconds of a run over its lead times."""
    records = sorted(found["records"], key=lambda r: r["rows"] * r["cols"])
    pixels = [int(r["rows"] * r["cols"]) for r in records]
    return pixels, [r[way]["seconds"] / r["lead_times"] for r in records]


def series(networks_found: dict[str, Any], found: dict[str, Any]) -> list[Series]:
    """All lines, those of whole runs first."""
    out = [
        Series("finescale, whole run", *runs(found, whole.OURS), OURS, whole=True),
        Series("plain script, whole run", *runs(found, whole.PLAIN), PLAIN, whole=True),
    ]
    networks = {
        "finescale": (inference.OURS, OURS),
        "EDSR": (inference.EDSR, COLOURS["edsr"]),
        "LIIF": (inference.LIIF, COLOURS["liif"]),
    }
    for label, (way, colour) in networks.items():
        pixels, seconds, _ = infer.law(networks_found, way)
        out.append(Series(f"{label}, network", pixels, seconds, colour, whole=False))
    return out


def _spread(heights: list[float], apart: float) -> list[float]:
    """The same heights, moved as little as keeps them `apart` from each other."""
    order = np.argsort(heights)
    out = [float(h) for h in heights]
    for _ in range(200):
        for low, high in pairwise(order):
            lack = apart - (out[high] - out[low])
            if lack > 1e-9:
                out[low], out[high] = out[low] - lack / 2, out[high] + lack / 2
    return out


def draw(lines: list[Series], path: Path) -> Path:
    """The picture; labels stand at the lines' ends, in their colours."""
    with mpl.rc_context({"svg.hashsalt": "finescale", "font.size": 10}):
        figure = Figure(figsize=SIZE)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.075, 0.115, 0.655, 0.755))
        for line in lines:
            style = "-" if line.whole else (0, (4, 1.6))
            axes.plot(
                line.pixels, line.seconds, linestyle=style, color=line.colour, linewidth=2.2, marker="o", markersize=6,
                markerfacecolor=line.colour if line.whole else "white", markeredgewidth=1.8, clip_on=False, zorder=3,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = (f([p for line in lines for p in line.pixels]) for f in (min, max))
        axes.set_xlim(low / 1.5, high * 1.5)
        _furnish(axes)
        bottom, top = np.log10(axes.get_ylim())
        ends = [float(np.log10(line.seconds[-1]) - bottom) / (top - bottom) for line in lines]
        for line, end, height in zip(lines, ends, _spread(ends, 0.115), strict=True):
            x = float(axes.transLimits.transform((np.log10(line.pixels[-1]), 0))[0])
            axes.annotate(
                f"{line.label}\n", (x, end), (1.035, height), xycoords="axes fraction", textcoords="axes fraction",
                color=line.colour, va="center", fontweight="bold", annotation_clip=False, linespacing=1.2,
                arrowprops=LEADER | {"color": line.colour},
            )  # fmt: skip
            axes.annotate(
                f"\n∝ pixels$^{{{line.exponent:.2f}}}$", (1.035, height), xycoords="axes fraction",
                color=GREY, va="center", fontsize=9, annotation_clip=False, linespacing=1.2,
            )  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    return path


def _furnish(axes: Any) -> None:
    """Grid, ticks, words."""
    axes.grid(visible=True, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, colors=GREY)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: UNITS.get(v, f"{v:g}")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("output pixels of one lead time", color=GREY)
    axes.set_title("Seconds for one lead time of seven variables", loc="left", fontweight="bold", pad=24)
    axes.text(
        0, 1.03, "solid: from GRIB files to a published product    dashed: the network alone, x2",
        transform=axes.transAxes, color=GREY, fontsize=9,
    )  # fmt: skip


def load() -> list[Series]:
    """All lines, from the kept results."""
    networks = json.loads(stages.FILE.read_text())["stages"]["inference"]
    return series(networks, json.loads(whole.FILE.read_text()))


def section() -> str:
    """Of docs/performance.md."""
    ours = next(line for line in load() if not line.whole and line.colour == OURS)
    return (
        "![Seconds for one lead time against output pixels](performance/cost.svg)\n\n"
        f"The network's cost goes as output pixels to the power {ours.exponent:.2f} (goal: at most "
        f"{infer.GOAL:g}; 1 is proportional). Whole runs have a part that does not depend on the product's size: "
        "global fields are decoded for a province too. `python -m benchmarks.runs.cost`."
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--quick", action="store_true", help="no different: nothing is measured here")
    args = parser.parse_args()
    missing = [f for f in (whole.FILE, stages.FILE) if not f.exists()]
    if missing:
        parser.error(f"{', '.join(map(str, missing))}: not there; run benchmarks.runs.whole, benchmarks.stages first")
    print(draw(load(), args.out))


if __name__ == "__main__":
    main()
