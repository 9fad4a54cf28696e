"""Quick-look: every variable's coarse input beside its product, one colour scale for both, in units people use."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from tasks.errors import InvalidRegion, short
from tasks.grids.gridded import LAND
from tasks.present import display
from tasks.present.colours import stops
from tasks.present.display import Display
from tasks.variables import VARIABLES, WINDS

# inches: a map; its heading and the picture's; between two maps, beside them, a bar of colours; numbers at an edge
MAP_WIDTH, TITLE, HEADING, GAP, PAD, BAR, LABELS = 3.4, 0.25, 0.45, 0.3, 0.08, 0.12, 0.6
LARGEST = 20_000_000  # bytes of an outline; Hubei's has 43,042
MOST_POINTS = 1500  # a side


@dataclass(frozen=True)
class Panel:
    """Coarse and fine values of one thing to show, in its display units."""

    how: Display
    coarse: np.ndarray
    fine: np.ndarray
    hours: float = 0.0  # that a sum is over; 0: no sum, or nobody says

    @property
    def title(self) -> str:
        """What it is, of sums with their hours."""
        return self.how.title + (f" in {self.hours:g} h" if self.hours else "")

    @property
    def limits(self) -> tuple[float, float]:
        """Colour scale for both maps: 99 % of the product's values, at least `span` wide."""
        low, high = (float(np.nanpercentile(self.fine, q)) for q in (0.5, 99.5))
        return low, max(high, low + self.how.span)


@cache
def colour_map(name: str) -> Colormap:
    """A map of colours.py as matplotlib takes it, with a colour for every stop and seven between two."""
    return LinearSegmentedColormap.from_list(name, stops(name), N=(len(stops(name)) - 1) * 8 + 1)


def outline(path: Path | None) -> list[np.ndarray]:
    """Rings (n, 2) of longitude and latitude from a GeoJSON file; InvalidRegion where it has no polygons on Earth."""
    if path is None:
        return []
    if path.stat().st_size > LARGEST:
        raise InvalidRegion(
            f"{path}: has {path.stat().st_size / 1e6:,.0f} MB, and every reader of the page fetches it; simplify it "
            f"to at most {LARGEST / 1e6:g} MB (mapshaper, ogr2ogr -simplify)"
        )
    rings = []
    try:
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            geometry = feature["geometry"]
            polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
            rings += [np.asarray(ring, dtype=np.float64)[:, :2] for polygon in polygons for ring in polygon]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OSError) as error:
        raise InvalidRegion(f"{path}: not a GeoJSON FeatureCollection of polygons ({short(repr(error))})") from None
    if any(ring.ndim != 2 or ring.shape[1] != 2 for ring in rings):
        raise InvalidRegion(f"{path}: a ring in it is no list of longitude and latitude; export it as GeoJSON again")
    for ring in rings:
        if not (np.isfinite(ring).all() and np.abs(ring[:, 0]).max() <= 540 and np.abs(ring[:, 1]).max() <= 90):
            raise InvalidRegion(f"{path}: a ring in it leaves the Earth; GeoJSON has degrees (WGS84), not metres")
    if not rings:
        raise InvalidRegion(f"{path}: no polygon in it; leave `boundary` out for pictures without outline")
    return rings


def coast(axes: Axes, fine: xr.Dataset) -> None:
    """Where half of a cell is land, if the product knows."""
    if LAND in fine.coords and float(fine[LAND].min()) < 0.5 < float(fine[LAND].max()):
        axes.contour(
            fine.longitude.values, fine.latitude.values, fine[LAND].values, levels=[0.5], colors="black", linewidths=0.5
        )


def thinned(ds: xr.Dataset, most: int = MOST_POINTS) -> xr.Dataset:
    """Every nth point of a large domain, `most` a side: a picture has fewer, and a globe has 26 million of them."""
    nth = {d: math.ceil(ds.sizes[d] / most) for d in ("latitude", "longitude")}
    return ds.isel({d: slice(None, None, n) for d, n in nth.items() if n > 1})


def panels(coarse: xr.Dataset, fine: xr.Dataset) -> list[Panel]:
    """One panel a variable; both components of a wind become one of speed."""
    out = []
    for name in (n for n in display.TABLE if n in fine and n in coarse):
        wind = next((w for w, parts in WINDS.items() if name in parts and set(parts) <= set(fine)), None)
        if wind is not None:
            u, v = WINDS[wind]
            if name == u:
                out.append(Panel(display.of(wind), *(np.hypot(ds[u].values, ds[v].values) for ds in (coarse, fine))))
            continue
        how, hours = display.of(name), _hours(fine) if name in VARIABLES and VARIABLES[name].amount else 0.0
        values = (how.shown(ds[name].values) for ds in (coarse, fine))
        out.append(Panel(how, next(values), next(values), hours))
    return out


def _hours(lead_time: xr.Dataset) -> float:
    """That the sums of a lead time are over; 0 where nothing says so."""
    if "step_bounds" not in lead_time:
        return 0.0
    begin, end = lead_time["step_bounds"].values
    return float((end - begin) / np.timedelta64(1, "h"))


def edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells (n + 1,) from their evenly spaced centres (n,)."""
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    return np.concatenate([centres - step / 2, [centres[-1] + step / 2]])


def draw(
    axes: Axes, ds: xr.Dataset, values: np.ndarray, limits: tuple[float, float], colours: str | Colormap
) -> QuadMesh:
    """Values (latitude, longitude) in colours."""
    return axes.pcolormesh(
        edges(ds.longitude.values),
        edges(ds.latitude.values),
        values,
        vmin=limits[0],
        vmax=limits[1],
        cmap=colours,
        rasterized=True,
    )


def quicklook(coarse: xr.Dataset, fine: xr.Dataset, boundary: Path | None, title: str) -> bytes:
    """PNG of one lead time: coarse input and product side by side for every variable (both without `step`)."""
    shown = panels(coarse, fine)
    across = 2 if len(shown) > 1 else 1
    down = -(-len(shown) // across)
    west, east = float(fine.longitude[0]), float(fine.longitude[-1])
    south, north = float(fine.latitude[-1]), float(fine.latitude[0])
    aspect = 1 / np.cos(np.deg2rad((north + south) / 2))
    height = MAP_WIDTH * (north - south) * aspect / (east - west)
    # laid out by hand: matplotlib's constrained layout finds the same places in as long as all of the drawing takes
    group, row_height = sum((LABELS, MAP_WIDTH, GAP, MAP_WIDTH, PAD, BAR, LABELS)), TITLE + height + LABELS / 2
    size = (across * group, HEADING + down * row_height)
    figure = Figure(figsize=size, dpi=100)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, y=1 - 0.4 * HEADING / size[1])

    def place(left: float, row: int, width: float) -> Axes:
        bottom = size[1] - HEADING - row * row_height - TITLE - height
        return figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))

    rings = outline(boundary)
    for i, panel in enumerate(shown):
        row, col = divmod(i, across)
        left = col * group + LABELS
        for k, (ds, values, which) in enumerate(((coarse, panel.coarse, "input"), (fine, panel.fine, "product"))):
            ax = place(left + k * (MAP_WIDTH + GAP), row, MAP_WIDTH)
            mesh = draw(ax, ds, values, panel.limits, colour_map(panel.how.colours))
            for ring in rings:
                ax.plot(ring[:, 0], ring[:, 1], color="black", linewidth=0.7)
            coast(ax, fine)
            ax.set(xlim=(west, east), ylim=(south, north))
            ax.set_title(f"{panel.title}, {which}", fontsize=9)
            ax.tick_params(labelsize=7, labelleft=k == 0 and col == 0, labelbottom=i + across >= len(shown))
        bar = figure.colorbar(mesh, cax=place(left + 2 * MAP_WIDTH + GAP + PAD, row, BAR), label=panel.how.unit)
        bar.ax.tick_params(labelsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
