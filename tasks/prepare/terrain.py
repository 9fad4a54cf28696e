"""Height of the terrain on the input grid and on the target grid, from one file with geopotential or elevation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from models.downscaler import FINE_MARGIN
from models.interpolation import INTERPOLATION_HALO, area_mean, conservative_bicubic
from tasks.errors import CorruptField, RegionOutsideInput, UnreadableFile
from tasks.grid import Grid, pad
from tasks.prepare.decode import open_dataset
from tasks.prepare.decode_grib import is_grib
from tasks.prepare.decode_xarray import layout
from tasks.prepare.regrid import clip_to, covers, regrid
from tasks.prepared import Heights

GRAVITY = 9.80665  # m s-2, WMO's standard: surface geopotential -> height
NAMES = ("z", "elevation", "height", "orog", "topo")
GEOPOTENTIAL_UNITS = {"m2 s-2", "m**2 s**-2", "m^2/s^2", "m2/s2", "gpm2"}
HEIGHT_UNITS = {"m", "metre", "meter", "metres", "meters", "gpm"}


def margin_for(scale: float) -> int:
    """Target cells around the target grid that are computed too: the input cells it cuts, whole, and the network's."""
    return int(np.ceil(scale)) + FINE_MARGIN


def read_heights(path: Path) -> tuple[np.ndarray, Grid]:
    """Heights in m (rows, cols) and their grid."""
    if path.is_file() and is_grib(path):
        try:
            ds = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
        except Exception as error:
            raise UnreadableFile(f"{path}: does not open as GRIB ({error}); fetch it again") from None
    else:
        ds = open_dataset(path)
    with ds:
        name = next((n for n in NAMES if n in ds.data_vars), None)
        if name is None:
            raise UnreadableFile(f"{path}: no terrain in it; looked for {', '.join(NAMES)}")
        field = ds[name]
        lat, lon, to_canonical = layout(ds, path.name)
        extra = [d for d in field.dims if d not in (lat, lon)]
        values = to_canonical(field.isel(dict.fromkeys(extra, 0)).transpose(lat, lon).values.astype(np.float64))
        units = str(field.attrs.get("units", "")).strip()
    if units in GEOPOTENTIAL_UNITS:
        values = values / GRAVITY
    elif units not in HEIGHT_UNITS:
        raise UnreadableFile(
            f"{path}: {name} has units {units!r}; expected m2 s-2 (geopotential) or m (height above the sea)"
        )
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() < -500 or known.max() > 9000:
        raise CorruptField(
            f"{path}: heights {values.min():.6g}..{values.max():.6g} m are not on Earth (units {units!r})"
        )
    return np.nan_to_num(values, nan=0.0).astype(np.float32), to_canonical.grid


def heights(path: Path, coarse: Grid, target: Grid, must_cover: Grid) -> Heights:
    """Heights on both grids. Beyond the file's edge the edge is repeated, but `must_cover` has to lie inside."""
    values, source = read_heights(path)
    if not covers(source, must_cover):
        raise RegionOutsideInput(f"terrain {path.name} covers {source}, needed are {must_cover}")
    rows, cols = target.axes_in(coarse)
    margin = margin_for(max(rows.scale, cols.scale))
    if coarse.wraps:
        fine = _on(values, source, target.extended(margin, margin, margin, margin))
        return Heights(_on(values, source, coarse), fine, margin)
    # the target's lattice over the whole input grid, so that coarse heights are means of fine ones, as in training
    top = int(np.ceil((rows.centres[0] + 0.5) / rows.width)) + margin
    bottom = int(np.ceil((coarse.rows - 0.5 - rows.centres[-1]) / rows.width)) + margin
    left = int(np.ceil((cols.centres[0] + 0.5) / cols.width)) + margin
    right = int(np.ceil((coarse.cols - 0.5 - cols.centres[-1]) / cols.width)) + margin
    lattice = target.extended(top, bottom, left, right)
    everywhere = _on(values, source, lattice)
    mean = area_mean(torch.from_numpy(everywhere).double(), *lattice.axes_in(coarse), coarse.rows, coarse.cols).numpy()
    fine = everywhere[top - margin : top + target.rows + margin, left - margin : left + target.cols + margin]
    return Heights(mean.astype(np.float32), np.ascontiguousarray(fine), margin)


def _on(values: np.ndarray, source: Grid, lattice: Grid) -> np.ndarray:
    """Heights on a lattice: means where coarser than the source, conservative bicubic where finer; edges repeated."""
    if lattice.dlat < source.dlat * 0.999:  # finer: the same interpolation as the fields', which keeps peaks' means
        h = INTERPOLATION_HALO
        around = torch.from_numpy(pad(values, source, top=h, bottom=h, left=h, right=h))
        rows, cols = lattice.axes_in(source.extended(h, h, h, h))
        return conservative_bicubic(around, rows, cols).numpy()
    inner = clip_to(lattice, source)
    north = round((lattice.north - inner.north) / lattice.dlat)
    west = round((inner.west - lattice.west) / lattice.dlon)
    part = regrid(values, source, inner, conservative=lattice.dlat > source.dlat * 1.001)
    below, right = lattice.rows - inner.rows - north, lattice.cols - inner.cols - west
    return np.pad(part, ((north, below), (west, right)), mode="edge")
