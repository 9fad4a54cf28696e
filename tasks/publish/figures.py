"""Quick-look: every variable's coarse input beside its product, one colour scale for both, in units people use."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tasks.variables import VARIABLES

Panel = tuple[str, str, str, np.ndarray, np.ndarray]  # title, units, colours, coarse, fine


def outline(path: Path | None) -> list[np.ndarray]:
    """Rings (n, 2) of longitude and latitude from a GeoJSON file."""
    if path is None:
        return []
    rings = []
    for feature in json.loads(path.read_text())["features"]:
        geometry = feature["geometry"]
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        rings += [np.asarray(ring)[:, :2] for polygon in polygons for ring in polygon]
    return rings


def _panels(coarse: xr.Dataset, fine: xr.Dataset) -> list[Panel]:
    panels: list[Panel] = []
    for name in (n for n in VARIABLES if n in fine and n in coarse):
        v = VARIABLES[name]
        if name in ("u10", "v10") and "u10" in fine and "v10" in fine:
            if name == "u10":
                speed = [np.hypot(ds["u10"].values, ds["v10"].values) for ds in (coarse, fine)]
                panels.append(("10 metre wind speed", "m/s", "viridis", speed[0], speed[1]))
            continue
        shown = [ds[name].values * v.display_scale + v.display_offset for ds in (coarse, fine)]
        panels.append((v.long_name, v.display_units, v.colours, shown[0], shown[1]))
    return panels


def _edges(centres: np.ndarray) -> np.ndarray:
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    return np.concatenate([centres - step / 2, [centres[-1] + step / 2]])


def _map(axes: Axes, ds: xr.Dataset, values: np.ndarray, limits: tuple[float, float], colours: str) -> object:
    return axes.pcolormesh(
        _edges(ds.longitude.values),
        _edges(ds.latitude.values),
        values,
        vmin=limits[0],
        vmax=limits[1],
        cmap=colours,
        rasterized=True,
    )


def quicklook(coarse: xr.Dataset, fine: xr.Dataset, boundary: Path | None, title: str) -> bytes:
    """PNG of one lead time: coarse input and product side by side for every variable (both without `step`)."""
    panels = _panels(coarse, fine)
    across = 2 if len(panels) > 1 else 1
    down = -(-len(panels) // across)
    west, east = float(fine.longitude[0]), float(fine.longitude[-1])
    south, north = float(fine.latitude[-1]), float(fine.latitude[0])
    aspect = 1 / np.cos(np.deg2rad((north + south) / 2))
    height = 3.6 * (north - south) * aspect / (east - west)
    figure = Figure(figsize=(8.4 * across, down * (height + 0.75) + 0.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(down, 2 * across, squeeze=False, sharex=True, sharey=True)
    rings = outline(boundary)
    for i, (label, units, colours, low_res, high_res) in enumerate(panels):
        row, col = divmod(i, across)
        pair = axes[row, 2 * col : 2 * col + 2]
        near = high_res[np.isfinite(high_res)]
        limits = (float(np.percentile(near, 0.5)), float(np.percentile(near, 99.5)))
        if limits[0] == limits[1]:
            limits = (limits[0] - 0.5, limits[1] + 0.5)
        for ax, ds, values, which in zip(pair, (coarse, fine), (low_res, high_res), ("input", "product"), strict=True):
            mesh = _map(ax, ds, values, limits, colours)
            for ring in rings:
                ax.plot(ring[:, 0], ring[:, 1], color="black", linewidth=0.7)
            ax.set(xlim=(west, east), ylim=(south, north), aspect=aspect)
            ax.set_title(f"{label}, {which}", fontsize=9)
            ax.tick_params(labelsize=7)
        figure.colorbar(mesh, ax=pair.tolist(), label=units, shrink=0.85, pad=0.01)  # type: ignore[arg-type]
    for ax in axes.ravel()[2 * len(panels) :]:
        ax.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
