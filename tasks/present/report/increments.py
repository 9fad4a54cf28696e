"""Maps of what calibration has added to a product, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from tasks.present import display
from tasks.present.display import ERRORS
from tasks.present.quicklook import coast, colour_map, draw, outline, thinned
from tasks.present.report import pictures
from tasks.present.report.pictures import Picture

SHOWN = ("t2m", "d2m", "msl", "sp", "u10", "v10")
HIGH = 3.4  # inches


@dataclass(frozen=True)
class IncrementMap:
    """One variable's picture."""

    title: str
    picture: Picture


def increment_maps(increments: xr.Dataset, boundary: Path | None) -> list[IncrementMap]:
    """Of each variable, at the middle lead time; increments (step, latitude, longitude), SI."""
    middle = increments.sizes["step"] // 2 if "step" in increments.sizes else 0
    rings = outline(boundary)
    return [_map(thinned(increments[[n]].isel(step=middle)).load(), n, rings) for n in SHOWN if n in increments]


def _map(field: xr.Dataset, name: str, rings: list[np.ndarray]) -> IncrementMap:
    how = display.of(name)
    values = field[name].values * how.scale
    most = max(float(np.abs(values).max()), 1e-6)
    figure = pictures.new_figure(pictures.WIDTH, HIGH)
    axes = figure.subplots()
    mesh = draw(axes, field, values, (-most, most), colour_map(ERRORS))
    coast(axes, field)
    for ring in rings:
        axes.plot(ring[:, 0], ring[:, 1], color=pictures.INK, linewidth=0.6)
    axes.set_xlim(float(field.longitude[0]), float(field.longitude[-1]))
    axes.set_ylim(float(field.latitude[-1]), float(field.latitude[0]))
    pictures.plain(axes)
    bar = figure.colorbar(mesh, ax=axes, shrink=0.8)
    bar.ax.tick_params(labelsize=pictures.SMALL)
    title = f"{display.title(name, 0.0)}, {how.unit}"
    return IncrementMap(title, pictures.picture(figure, f"increment of {name} by calibration"))
