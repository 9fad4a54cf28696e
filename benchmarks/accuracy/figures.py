"""The pictures of docs/accuracy/networks.md: spectra, example maps, RMSE against scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from benchmarks.accuracy.results import EQUAL, FRAMING, RATIO, SHIPPED, Case, Results, label, unit
from benchmarks.accuracy.tables import FINE, X4
from tasks.present import display
from tasks.present.quicklook import colour_map

NORTH, WEST, SPACING = 40.0, 100.0, 0.1  # of the test box, degrees
KM = 111.2  # a degree of latitude
WIDTH, DPI = 9.2, 130  # inches: what a page of docs is wide
SHOW = ("t2m", "u10")
TOP = 1.25  # of the curves: what lies above is worse than back-projection, how much does not matter
WIDE = 0.3  # ratios down to here: logarithmic
OURS, TRUTH, PLAIN = "#d55e00", "black", "#8a8a8a"
COLOURS = {  # Okabe & Ito's, which those who see few colours can tell apart
    SHIPPED: OURS, EQUAL: OURS, "bicubic": "#bdbdbd", "back-projection": PLAIN, "terrain-regression": "#b58900",
    "neighbourhood-regression": "#6b4c2a", "edsr": "#0072b2", "swinir": "#56b4e9", "metasr": "#cc79a7",
    "liif": "#009e73", "lte": "#5c3fa8",
}  # fmt: skip
Crop = Sequence[int]
Extent = tuple[float, float, float, float]


def _style(name: str) -> dict[str, Any]:
    """Colour of the architecture; dashes for what is not trained as ours was."""
    stem = name if name in COLOURS else name.partition("-")[0]
    line = "--" if name.endswith("-published") or name == EQUAL else "-"
    return {
        "color": COLOURS.get(stem, "#444444"),
        "linestyle": line,
        "linewidth": 2.2 if stem in (SHIPPED, EQUAL) else 1.2,
    }


def _figure(height: float) -> Figure:
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    return path


def best_peers(results: Results, case: Case) -> list[str]:
    """The best network of fixed ratio and the best of arbitrary ratio, whatever their framing."""
    return [b for fixed in (True, False) if (b := results.best(results.peers(fixed=fixed), case)) is not None]


def spectra(results: Results, path: Path) -> Path | None:
    """Power by wavelength, above; over the truth's, below."""
    cases = [c for v in SHOW if "spectrum" in (results.get(results.equal, c := Case(FINE, v, X4)) or {})]
    if not cases:
        return None
    figure = _figure(5.6)
    grid = figure.subplots(2, len(cases), squeeze=False, sharex=True, height_ratios=(1.25, 1))
    for (above, below), case in zip(grid.T, cases, strict=True):
        methods = [results.equal, "back-projection", *best_peers(results, case)]
        truth = np.asarray(results.records[results.equal][case]["truth_spectrum"])
        side = 2 * len(truth) * SPACING * KM
        wavelength = side / np.arange(1, len(truth) + 1)
        above.loglog(wavelength, truth, color=TRUTH, linewidth=1.6, label="truth")
        for name in methods:
            record = results.get(name, case)
            if record is not None and "spectrum" in record:
                power, style = np.asarray(record["spectrum"]), _style(name) | {"linestyle": "-"}
                above.loglog(wavelength, power, **style, label=label(name))
                below.loglog(wavelength, power / truth, **style)
        below.axhline(1, color=TRUTH, linewidth=1.0)
        for ax in (above, below):
            ax.axvline(2 * case.scale[0] * SPACING * KM, color="#999999", linewidth=0.8, linestyle=":")
            ax.grid(alpha=0.25, linewidth=0.5)
        above.set_title(f"{display.of(case.variable).title}, {unit(case.variable)}", fontsize=10)
        above.legend(fontsize=8, loc="lower left", framealpha=0.9)
        above.set_ylim(bottom=truth.min() / 1e3)
        low, high = below.get_ylim()
        below.set(xlabel="wavelength, km", xlim=(wavelength[0], wavelength[-1]), ylim=(max(low, 1e-3), min(high, 10)))
        ticks = [t for t in (20, 30, 50, 100, 200, 500, 1000, 2000) if wavelength[-1] <= t <= wavelength[0]]
        below.xaxis.set_major_locator(FixedLocator(ticks))
        below.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        below.xaxis.set_minor_locator(NullLocator())
    grid[0, 0].set_ylabel("power, unit²")
    grid[1, 0].set_ylabel("power over the truth's")
    return _save(figure, path)


def _fields(folder: Path, name: str, variable: str) -> np.ndarray | None:
    """A method's example map in the unit of pictures."""
    path, how = folder / f"{name}.npz", display.of(variable)
    if not path.exists():
        return None
    with np.load(path) as archive:
        return how.shown(archive[variable].astype(np.float64)) if variable in archive else None


def _panel(ax: Axes, values: np.ndarray, extent: Extent, colours: Colormap, limits: tuple[float, float]) -> Any:
    middle = np.deg2rad((extent[2] + extent[3]) / 2)
    image = ax.imshow(values, extent=extent, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    ax.set_aspect(1 / math.cos(middle))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.xaxis.set_major_formatter("{x:g}°E")
    ax.yaxis.set_major_formatter("{x:g}°N")
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.tick_params(labelsize=7)
    return image


def maps(results: Results, folder: Path, variable: str, rows: Crop, cols: Crop, path: Path) -> Path | None:
    """Truth and methods above, the input and the methods' errors below; None unless the fields of all are there."""
    case, how = Case(FINE, variable, X4), display.of(variable)
    truth, ratio = _fields(folder, "truth", variable), int(X4[0])
    names = [n for n in ("back-projection", results.best(results.peers(), case), results.equal) if n is not None]
    shown = {n: f for n in names if (f := _fields(folder, n, variable)) is not None}
    if truth is None or len(shown) < len(names):
        return None
    h, w = (side // ratio for side in truth.shape)
    means = truth[: h * ratio, : w * ratio].reshape(h, ratio, w, ratio).mean(axis=(1, 3))
    extent = (
        WEST + (cols[0] - 0.5) * SPACING, WEST + (cols[0] - 0.5 + truth.shape[1]) * SPACING,
        NORTH - (rows[0] - 0.5 + truth.shape[0]) * SPACING, NORTH - (rows[0] - 0.5) * SPACING,
    )  # fmt: skip
    low, high = (float(v) for v in np.percentile(truth, (0.5, 99.5)))
    if low < 0 < high and how.offset == 0:  # wind: its sign should show
        low, high = -max(-low, high), max(-low, high)
    most = max(float(np.percentile(np.abs(f - truth), 99)) for f in shown.values())
    figure = _figure(4.55)
    grid = figure.subplots(2, 1 + len(shown), sharex=True, sharey=True)
    panels = [("truth", truth), *((label(n), f) for n, f in shown.items())]
    for ax, (title, values) in zip(grid[0], panels, strict=True):
        fields = _panel(ax, values, extent, colour_map(how.colours), (low, high))
        ax.set_title(title, fontsize=9)
    _panel(grid[1, 0], means, extent, colour_map(how.colours), (low, high))
    grid[1, 0].set_title(f"input, {ratio * SPACING:g}°", fontsize=9)
    for ax, (name, values) in zip(grid[1, 1:], shown.items(), strict=True):
        error = values - truth
        errors = _panel(ax, error, extent, colour_map(display.ERRORS), (-most, most))
        ax.set_title(f"{label(name)}: error, RMSE {np.sqrt((error**2).mean()):.3g}", fontsize=8)
    for image, row, text, extend in (
        (fields, grid[0], how.unit, "neither"),
        (errors, grid[1], f"error, {unit(variable)}", "both"),
    ):
        bar = figure.colorbar(image, ax=row.tolist(), pad=0.01, aspect=22, extend=extend)
        bar.set_label(text, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return _save(figure, path)


def _groups(names: list[str]) -> dict[str, list[str]]:
    """Fixed-ratio methods of one architecture and framing are one curve."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(RATIO.sub("", name) if FRAMING.search(name) else name, []).append(name)
    return groups


def curves(results: Results, path: Path) -> Path | None:
    """RMSE over that of back-projection by scale, a panel a variable of the 0.1 degree box, clean."""
    groups = _groups([n for n in results.compared if n != "back-projection"])
    variables, scales = results.variables(FINE), [s for s in results.scales(FINE) if s[0] == s[1]]
    if not variables or "back-projection" not in results.methods:
        return None
    across = 4
    down = -(-(len(variables) + 1) // across)
    figure = _figure(2.5 * down)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for ax, variable in zip(grid, variables, strict=False):
        _curve(ax, groups, scales, lambda n, s, v=variable: _ratio(results, n, Case(FINE, v, s)))
        ax.set_title(variable, fontsize=10)
    for ax in grid[len(variables) :]:
        ax.set_axis_off()
    figure.supxlabel("scale", fontsize=9)
    figure.supylabel("RMSE over back-projection's", fontsize=9)
    handles, labels = grid[0].get_legend_handles_labels()
    grid[len(variables)].legend(handles, labels, fontsize=7.5, loc="center", frameon=False, handlelength=2.6)
    return _save(figure, path)


def _ratio(results: Results, name: str, case: Case) -> float | None:
    mine, plain = results.rmse(name, case), results.rmse("back-projection", case)
    return mine / plain if mine is not None and plain else None


def _curve(
    ax: Axes, groups: dict[str, list[str]], scales: list[tuple[float, float]], ratio: Callable[..., float | None]
) -> None:
    for group, names in groups.items():
        points = [(s[0], r) for s in scales for n in names if (r := ratio(n, s)) is not None]
        dots = {"marker": "o", "markersize": 4.0, "fillstyle": "none" if group.endswith("-published") else "full"}
        style = _style(group) | (dots if group not in names else {})
        if points:
            front = 3 if group in (SHIPPED, EQUAL) else 2
            ax.plot(*zip(*points, strict=True), **style, label=label(group), zorder=front)
    ax.axhline(1, color=PLAIN, linewidth=1.0, label="back-projection")
    ax.set_xscale("log")
    ticks = [s[0] for s in scales]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    low, high = ax.get_ylim()
    if low < WIDE:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.yaxis.set_major_locator(FixedLocator([0.05, 0.1, 0.2, 0.5, 1]))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(low, min(high, TOP))
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.25, linewidth=0.5)
