"""Terrain height, and land fraction where known, on the input grid and on the target grid, from one file."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from models.cell_means import area_mean, overlap_lengths
from models.constants import DEGREE, GRAVITY
from models.geometry import Axis
from models.interpolation import INTERPOLATION_HALO, bicubic, conservative_bicubic, linear_weights
from models.operator import Operator, Sampling
from models.statics import FINE_MARGIN
from tasks.errors import CorruptField, RegionOutsideInput, UnreadableFile, in_a_line, readable
from tasks.grib.walk import is_grib
from tasks.grids.grid import Grid, pad
from tasks.grids.regrid import clip_to, covers, regrid
from tasks.handover.prepared import StaticFields
from tasks.prepare.axes import layout
from tasks.prepare.open_xarray import open_dataset

log = logging.getLogger(__name__)

NAMES = ("z", "elevation", "height", "orog", "topo")
LAND_NAMES = ("lsm", "land", "land_sea_mask")  # fraction of land, or 1 and 0
AROUND_EARTH = 3  # input cells more: blocks at 180 degrees look across
FINER = 0.8  # of a model's cell: IFS's own terrain comes on a grid of 0.1 degree, 1.2 of its cells
# RMS in m, and in standard deviations of the heights, by which terrain that comes with an input may differ from the
# file's: of ERA5 56 m and a tenth in Hubei, 94 m and a twentieth in western China
MOST_METRES, MOST_DEVIATIONS = 100.0, 0.3
GEOPOTENTIAL_UNITS = {"m2 s-2", "m**2 s**-2", "m^2/s^2", "m2/s2", "gpm2"}
HEIGHT_UNITS = {"m", "metre", "meter", "metres", "meters", "gpm"}


def margin_for(scale: float) -> int:
    """Target cells around the target grid that are computed too: the input cells it cuts, whole, and the network's."""
    return int(np.ceil(scale)) + FINE_MARGIN


def read_heights(path: Path) -> tuple[np.ndarray, Grid]:
    """Heights in m (rows, cols) and their grid."""
    fields, grid = read_statics(path)
    return fields["height"], grid


def read_statics(path: Path) -> tuple[dict[str, np.ndarray], Grid]:
    """Heights in m, land fraction if the file has it, both (rows, cols), and their grid."""
    if path.is_file() and is_grib(path):
        try:
            ds = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
        except Exception as error:
            raise UnreadableFile(f"{path}: does not open as GRIB ({in_a_line(error)}); fetch it again") from None
    else:
        ds = open_dataset(path)
    with ds, readable(f"{path}: does not decode"):
        name = next((n for n in NAMES if n in ds.data_vars), None)
        if name is None:
            raise UnreadableFile(f"{path}: no terrain in it; looked for {', '.join(NAMES)}")
        lat, lon, to_canonical = layout(ds, path.name)

        def values_of(field: xr.DataArray) -> np.ndarray:
            extra = [d for d in field.dims if d not in (lat, lon)]
            return to_canonical(field.isel(dict.fromkeys(extra, 0)).transpose(lat, lon).values.astype(np.float64))

        out = {
            "height": in_metres(values_of(ds[name]), str(ds[name].attrs.get("units", "")).strip(), f"{path}: {name}")
        }
        land = next((n for n in LAND_NAMES if n in ds.data_vars), None)
        if land is not None:
            out["land"] = _land(values_of(ds[land]), f"{path}: {land}")
    return {n: f.astype(np.float32) for n, f in out.items()}, to_canonical.grid


def in_metres(values: np.ndarray, units: str, what: str) -> np.ndarray:
    """Height in m from geopotential or height; unknown, which is the sea in many files, becomes 0.

    UnreadableFile for another unit, CorruptField for heights that are not on Earth.
    """
    if units in GEOPOTENTIAL_UNITS:
        values = values / GRAVITY
    elif units not in HEIGHT_UNITS:
        raise UnreadableFile(f"{what} has units {units!r}; expected m2 s-2 (geopotential) or m (height above the sea)")
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() < -500 or known.max() > 9000:
        raise CorruptField(
            f"{what}: heights {values.min():.6g}..{values.max():.6g} m are not on Earth (units {units!r})"
        )
    return np.nan_to_num(values, nan=0.0)


def _land(values: np.ndarray, what: str) -> np.ndarray:
    """Land fraction; unknown is sea."""
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() < -0.001 or known.max() > 1.001:
        raise CorruptField(f"{what}: land fractions have to lie in 0..1; give percent or a mask as such")
    return np.nan_to_num(values, nan=0.0)


def static_fields(
    path: Path, coarse: Grid, target: Grid, must_cover: Grid, operator: Operator, own: np.ndarray | None = None
) -> StaticFields:
    """Statics on both grids, on the input's through its operator.

    Beyond the file's edge the edge is repeated, but `must_cover` has to lie inside. `own`: heights of the input's own
    terrain on its grid, where it comes with it; they take the place of what the file says there.
    """
    fields, source = read_statics(path)
    if not covers(source, must_cover):
        raise RegionOutsideInput(f"terrain {path.name} covers {source}, needed are {must_cover}")
    rows, cols = target.axes_in(coarse)
    margin = margin_for(max(rows.scale, cols.scale))
    if coarse.wraps:
        margin += AROUND_EARTH * int(np.ceil(max(rows.scale, cols.scale)))
        edges = (margin,) * 4
    else:  # the target's lattice over the whole input grid, so that means of statics come of fine ones, as in training
        edges = (
            int(np.ceil((rows.centres[0] + 0.5) / rows.width)) + margin,
            int(np.ceil((coarse.rows - 0.5 - rows.centres[-1]) / rows.width)) + margin,
            int(np.ceil((cols.centres[0] + 0.5) / cols.width)) + margin,
            int(np.ceil((coarse.cols - 0.5 - cols.centres[-1]) / cols.width)) + margin,
        )
    lattice = target.extended(*edges)
    top, left = edges[0] - margin, edges[2] - margin
    on_input, parts = {}, {}
    for name, field in fields.items():
        everywhere = _at_target(field, source, lattice, operator)
        if operator.sampling is Sampling.SAMPLES:
            on_input[name] = smoothed(field, source, coarse, _width(name, source, operator))
        elif coarse.wraps:
            on_input[name] = _on(field, source, coarse, operator.sampling)
        else:
            fine = torch.from_numpy(everywhere).double()
            on_input[name] = area_mean(fine, *lattice.axes_in(coarse), coarse.rows, coarse.cols).numpy()
        part = everywhere[top : top + target.rows + 2 * margin, left : left + target.cols + 2 * margin]
        parts[name] = np.ascontiguousarray(part)
    width = DEGREE * _width("height", source, operator)
    how = f"means over {width:.0f} km" if width else "read at the points of the input"
    heights = f"elevations of the region, {how}"
    if operator.sampling is Sampling.MEANS:
        heights = "elevations of the region, means over cells"
    if (known := _like(own, on_input["height"])) is not None:
        on_input["height"], heights = known, "terrain of the model that made the input"
    return StaticFields({n: f.astype(np.float32) for n, f in on_input.items()}, parts, margin, heights)


def _like(own: np.ndarray | None, known: np.ndarray) -> np.ndarray | None:
    """The same if it can be the terrain of which an elevation model has the heights `known`; None, with a warning."""
    if own is None:
        return None
    apart = float(np.sqrt(np.mean((own - known) ** 2)))
    if apart <= MOST_METRES + MOST_DEVIATIONS * float(known.std()):
        return own
    log.warning("the terrain in the input is %.0f m (RMS) from the region's, and is not used", apart)
    return None


def _width(name: str, source: Grid, operator: Operator) -> float:
    """Degrees over which a static field is averaged to be as the input's model has it.

    Heights that are finer than the model's cells are an elevation model's, of which its terrain is a smoothed one;
    others are taken for a model's own, and read at its points.
    """
    footprint = operator.footprint / DEGREE
    finer = min(source.dlat, source.dlon) < FINER * footprint
    if name != "height":
        return footprint
    return operator.terrain / DEGREE if finer else 0.0


def _at_target(values: np.ndarray, source: Grid, lattice: Grid, operator: Operator) -> np.ndarray:
    """A static field on the target's lattice: means over its cells, of samples no wider than their footprint."""
    width = operator.footprint / DEGREE
    if operator.sampling is Sampling.SAMPLES and min(lattice.dlat, lattice.dlon) > width * 1.001:
        return smoothed(values, source, lattice, width).astype(np.float32)
    return _on(values, source, lattice, operator.sampling)


def smoothed(values: np.ndarray, source: Grid, lattice: Grid, width: float) -> np.ndarray:
    """A static field as samples at a lattice's points: means over `width` degrees around them; edges repeated.

    Read linearly where its own cells are wider than that.
    """
    more = 2 + int(np.ceil(width / min(source.dlat, source.dlon)))
    near_rows, near_columns, near = source.around(lattice, more)
    if near.wraps:  # all around: the first column follows the last
        near_columns, near = np.arange(-more, near.cols + more) % near.cols, near.extended(0, 0, more, more)
    part = values[near_rows][:, near_columns].astype(np.float64)
    weights = []
    for axis, n, step in zip(lattice.axes_in(near), part.shape, (near.dlat, near.dlon), strict=True):
        at = Axis(np.clip(axis.centres, 0, n - 1), width / step)
        if at.width <= 1.0:
            index, weight = linear_weights(at)
            one = np.zeros((len(at), n))
            np.add.at(one, (np.arange(len(at))[:, None], np.clip(index, 0, n - 1)), weight)
        else:
            one = overlap_lengths(at, np.arange(n)).T
            one = one / one.sum(axis=1, keepdims=True)
        weights.append(one)
    return np.asarray(weights[0] @ part @ weights[1].T)


def _on(values: np.ndarray, source: Grid, lattice: Grid, sampling: Sampling) -> np.ndarray:
    """A static field on a lattice: means where coarser, cubic through points or means where finer; edges repeated."""
    h = INTERPOLATION_HALO
    near_rows, near_columns, source = source.around(lattice, h)
    values = values[near_rows][:, near_columns]
    if lattice.dlat < source.dlat * 0.999:  # finer: the same interpolation as the fields'
        around = torch.from_numpy(pad(values, source, top=h, bottom=h, left=h, right=h))
        rows, cols = lattice.axes_in(source.extended(h, h, h, h))
        cubic = bicubic if sampling is Sampling.SAMPLES else conservative_bicubic
        return cubic(around, rows, cols).numpy()
    inner = clip_to(lattice, source)
    north = round((lattice.north - inner.north) / lattice.dlat)
    west = round((inner.west - lattice.west) / lattice.dlon)
    part = regrid(values, source, inner, conservative=lattice.dlat > source.dlat * 1.001)
    below, right = lattice.rows - inner.rows - north, lattice.cols - inner.cols - west
    return np.pad(part, ((north, below), (west, right)), mode="edge")
