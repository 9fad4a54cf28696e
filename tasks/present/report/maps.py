"""Maps of one lead time: input and product in one scale of colours, and below them their errors at the stations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from tasks.handover.candidates import FAR, Candidate
from tasks.present.display import ERRORS
from tasks.present.quicklook import Panel, coast, colour_map, draw, outline, panels, thinned
from tasks.present.report import pictures
from tasks.present.report.pictures import Picture
from tasks.present.report.samples import Sample
from tasks.timezones import both
from tasks.variables import VARIABLES

MAPPED = {"t2m": ["t2m"], "wind_speed": ["u10", "v10"], "tp": ["tp"]}  # what is shown -> fields it is made from
LEAST = 1.0  # a scale of errors reaches this far at least: °C, m/s, mm
# inches: around the map, whose width is what they leave, and of the bar of colours; a picture's largest height
LEFT, BELOW, ABOVE, PAD, BAR, RIGHT = 0.5, 0.25, 0.12, 0.08, 0.12, 0.55
TALLEST = 6.0


@dataclass(frozen=True)
class Maps:
    """One variable's pictures, input first."""

    title: str
    hours: str  # of the lead time
    valid: str  # time
    fields: list[Picture]
    errors: list[Picture]
    errors_of: list[str]  # candidates' titles
    period: float


def maps(
    product: xr.Dataset, coarse: xr.Dataset, samples: list[Sample], boundary: Path | None, zone: tzinfo = UTC
) -> list[Maps]:
    """Of each variable that is in both; with errors where there are pairs."""
    rings = outline(boundary)
    first = {s.variable: s for s in reversed(samples)}  # of several periods the shortest
    out = []
    for variable, names in MAPPED.items():
        if all(n in product and n in coarse for n in names):
            out.append(_maps(product[names], coarse[names], variable, first.get(variable), rings, zone))
    return out


def _hours(ds: xr.Dataset) -> np.ndarray:
    return np.atleast_1d(ds["step"].values).astype("timedelta64[s]").astype(np.float64) / 3600


def _at(ds: xr.Dataset, names: list[str], index: int, period: float) -> xr.Dataset:
    """Fields of a lead time; amounts are summed over the hours before it that observations are of."""
    if period and all(VARIABLES[n].amount for n in names):
        hours = _hours(ds)
        inside = (hours > hours[index] - period) & (hours <= hours[index])
        return ds[names].isel(step=np.flatnonzero(inside)).sum("step", skipna=False)
    return ds[names].isel(step=index)


def _maps(
    product: xr.Dataset,
    coarse: xr.Dataset,
    variable: str,
    sample: Sample | None,
    rings: list[np.ndarray],
    zone: tzinfo,
) -> Maps:
    hours = _hours(product)
    index = len(hours) // 2 if sample is None else int(np.abs(hours - sample.fullest_lead).argmin())
    period = sample.period if sample else 0.0
    fine, wide = (_at(thinned(ds), MAPPED[variable], index, period).load() for ds in (product, coarse))
    panel = panels(wide, fine)[0]
    valid = np.atleast_1d(product["valid_time"].values)[index].astype("datetime64[s]").item()
    at = f"{hours[index]:g}", both(valid, zone)
    when = f"lead time {at[0]} h, valid {at[1]}"
    title = panel.how.title + (f", {period:g} h" if period else "")
    fields = [
        _field(ds, values, panel, fine, rings, f"Map of the {which}: {title}, {when}")
        for ds, values, which in ((wide, panel.coarse, "input"), (fine, panel.fine, "product"))
    ]
    errors, of = [], []
    best = sample.best if sample else None
    if sample and best:
        shown = sample.at(sample.fullest_lead)
        limit = _limit(np.concatenate([shown.error(c) for c in (best, shown.shown[0])]))
        for ds, values, candidate in ((wide, panel.coarse, best), (fine, panel.fine, shown.shown[0])):
            alt = f"Map of errors at {len(shown.pairs)} stations: {candidate.title}; {title}, {when}"
            errors.append(_errors(ds, values, panel, shown, candidate, limit, fine, rings, alt))
            of.append(candidate.title)
    return Maps(title, *at, fields, errors, of, period)


def _limit(errors: np.ndarray) -> float:
    """A round number that 95 % of the errors are below."""
    reach = max(float(np.percentile(np.abs(errors), 95)), LEAST)
    unit = 10.0 ** math.floor(math.log10(reach))
    return next(f * unit for f in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if f * unit >= reach * 0.999)


def _frame(fine: xr.Dataset, rings: list[np.ndarray]) -> tuple[Figure, Axes, Axes]:
    """Empty axes as large as the product, with the outline, and those of a bar of colours beside them.

    Laid out by hand: matplotlib's constrained layout finds the same places in as long as all of the drawing takes.
    """
    west, east = float(fine.longitude[0]), float(fine.longitude[-1])
    south, north = float(fine.latitude[-1]), float(fine.latitude[0])
    aspect = 1 / np.cos(np.deg2rad((north + south) / 2))
    tall = (north - south) * aspect / (east - west)
    wide = min(pictures.WIDTH - LEFT - PAD - BAR - RIGHT, (TALLEST - BELOW - ABOVE) / tall)
    size = (pictures.WIDTH, wide * tall + BELOW + ABOVE)
    figure = pictures.new_figure(*size, laid_out=False)

    def place(left: float, width: float) -> Axes:
        return figure.add_axes((left / size[0], BELOW / size[1], width / size[0], wide * tall / size[1]))

    axes, bar = place(LEFT, wide), place(LEFT + wide + PAD, BAR)
    for ring in rings:
        axes.plot(ring[:, 0], ring[:, 1], color="black", linewidth=0.8, zorder=3)
    coast(axes, fine)
    axes.set(xlim=(west, east), ylim=(south, north))
    pictures.plain(axes)
    axes.locator_params(nbins=6)
    axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):g}°{'W' if x < 0 else 'E'}")
    axes.yaxis.set_major_formatter(lambda y, _: f"{abs(y):g}°{'S' if y < 0 else 'N'}")
    return figure, axes, bar


def _scale(figure: Figure, axes: Axes, mappable: ScalarMappable, label: str) -> None:
    """What the colours mean, on axes of its own."""
    bar = figure.colorbar(mappable, cax=axes, extend="both")
    bar.ax.tick_params(labelsize=pictures.SMALL, colors=pictures.INK, length=2)
    bar.set_label(label, fontsize=pictures.TEXT, color=pictures.INK)
    bar.outline.set_visible(False)


def _field(
    ds: xr.Dataset, values: np.ndarray, panel: Panel, fine: xr.Dataset, rings: list[np.ndarray], alt: str
) -> Picture:
    figure, axes, bar = _frame(fine, rings)
    mesh = draw(axes, ds, values, panel.limits, colour_map(panel.how.colours))
    _scale(figure, bar, mesh, panel.how.unit)
    return pictures.picture(figure, alt)


def _errors(
    ds: xr.Dataset, values: np.ndarray, panel: Panel, sample: Sample, candidate: Candidate, limit: float,
    fine: xr.Dataset, rings: list[np.ndarray], alt: str,
) -> Picture:  # fmt: skip
    """The field in grey, so that colours are errors only: red too high; triangles: far from the terrain."""
    figure, axes, bar = _frame(fine, rings)
    low, high = panel.limits
    draw(axes, ds, values, (low, high + 2.5 * (high - low)), "Greys")
    # across the date line the map's longitudes go on past 180
    west = float(fine.longitude[0]) - 1.0
    east = west + (sample.pairs["longitude"].to_numpy() - west) % 360.0
    error, far = sample.error(candidate), (sample.pairs["above"].abs() > FAR).to_numpy()
    size = float(np.clip(9000 / max(len(error), 1), 14, 42))
    for marker, which in (("o", ~far), ("^", far)):
        order = np.flatnonzero(which)[np.argsort(np.abs(error[which]))]  # the largest on top
        dots = axes.scatter(
            east[order], sample.pairs["latitude"].to_numpy()[order], c=error[order],
            s=size, marker=marker, cmap=colour_map(ERRORS), norm=TwoSlopeNorm(0, -limit, limit),
            edgecolors=pictures.INK, linewidths=0.6, zorder=4,
        )  # fmt: skip
    _scale(figure, bar, dots, f"forecast {chr(0x2212)} observed, {panel.how.unit}")
    return pictures.picture(figure, alt)
