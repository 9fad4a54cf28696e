"""Packs fields of your own, so that `models.training.train` makes a network for them.

    python -m tasks.datasets.own own.npz 2024/*.nc --terrain heights.nc
    python -m tasks.datasets.own own.npz one.grib2 --terrain heights.nc --validation 32,112,30,116

GRIB and NetCDF as `finescale field` reads them: fields that are as fine as products are to be, on one grid of latitudes
and longitudes. The last fifth of the times is not trained on, and what a run is chosen by; where times are few, a box.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from models.operator import cell_km
from models.statistics import VARIABLES
from models.training.data import Box, Split
from tasks.datasets.training import east_of_dateline, of_model, pack
from tasks.errors import BadInput, FinescaleError, StoreNotWritable, short
from tasks.grids.grid import Grid
from tasks.outputs import assert_not_given
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned
from tasks.prepare.terrain import read_statics, smoothed

NAME = "own"  # of the data set
LAST = 0.2  # share of the times to choose by
FEWEST_TIMES = 5  # below, a box is needed


def read(path: Path, variables: Sequence[str] = VARIABLES) -> tuple[xr.Dataset, Grid]:
    """Fields of a file along `time`, the valid time, latitudes falling, longitudes -180..180 rising; and their grid."""
    with scanned([path], set(variables)) as scan:
        assembled = assemble(scan, lambda grid: grid, list(variables), [])
        fields = assembled.load()[assembled.variables].reset_coords(drop=True)
    times = np.array([t.replace(tzinfo=None) for t in assembled.valid_times], "datetime64[ns]")
    return east_of_dateline(fields.rename(step="time").assign_coords(time=times)), assembled.grid


def together(files: Sequence[Path]) -> tuple[xr.Dataset, Grid]:
    """The variables that all files have, by valid time; BadInput for files on different grids."""
    parts: list[xr.Dataset] = []
    first: Grid | None = None
    for i, path in enumerate(files, start=1):
        fields, grid = read(path)
        first = first or grid
        if grid != first:
            raise BadInput(f"{path}: is on {grid}, and {files[0]} on {first}; give files on one grid")
        parts.append(fields)
        print(f"{i} of {len(files)}: {path}: {fields.sizes['time']} times", file=sys.stderr)
    assert first is not None
    if abs(first.dlat - first.dlon) > 1e-6:
        raise BadInput(
            f"{files[0]}: cells of {first.dlat:g} x {first.dlon:g} degree; a network is trained on as many degrees of "
            "latitude as of longitude: interpolate the files to such a grid first"
        )
    everywhere = [n for n in VARIABLES if all(n in p for p in parts)]
    if not everywhere:
        raise BadInput(f"no variable is in all {len(files)} files; give files of the same variables")
    if some := sorted({str(n) for p in parts for n in p} - set(everywhere)):
        print(f"left out, since not every file has it: {', '.join(some)}", file=sys.stderr)
    whole = xr.concat([p[everywhere] for p in parts], "time").sortby("time")
    times = whole.time.values
    if (twice := np.flatnonzero(times[1:] == times[:-1])).size:
        raise BadInput(
            f"{np.datetime_as_string(times[twice[0]], 'm')}: {twice.size} times are there twice; give one file of each"
        )
    return whole, first


def with_terrain(fields: xr.Dataset, grid: Grid, terrain: Path) -> xr.Dataset:
    """Fields with height in m and land fraction as means over cells; without a mask land is what is above 0 m."""
    statics, source = read_statics(terrain)
    inside = source.north >= grid.north - grid.dlat and source.south <= grid.south + grid.dlat
    if not inside or source.west > grid.west + grid.dlon or source.east < grid.east - grid.dlon:
        raise BadInput(f"terrain {terrain.name} covers {source}, needed are {grid}")
    found = {n: smoothed(f, source, grid, grid.dlat) for n, f in statics.items()}
    land = found.get("land", (found["height"] > 0).astype(float))
    static = xr.Dataset(
        {n: (("latitude", "longitude"), f) for n, f in (("z", found["height"]), ("land", land))},
        coords={"latitude": grid.latitude, "longitude": grid.longitude},
    )
    here = east_of_dateline(static)
    return fields.assign({str(n): (f.dims, f.values) for n, f in here.items()})


def split_of(times: int, validation: Box | None) -> Split:
    """The box, or the last times; BadInput where these are too few."""
    if validation is None and times < FEWEST_TIMES:
        raise BadInput(
            f"{times} times are too few to keep some to choose by; give --validation NORTH,WEST,SOUTH,EAST, a part of "
            "the area that is not trained on"
        )
    return Split(validation) if validation is not None else Split(last=LAST)


def parse_box(text: str) -> Box:
    """`north,west,south,east`."""
    try:
        north, west, south, east = (float(v) for v in text.split(","))
    except ValueError:
        raise BadInput(f"--validation {short(text)!r}: give NORTH,WEST,SOUTH,EAST in degrees") from None
    if not (90 >= north > south >= -90 and -180 <= west < east <= 180):
        raise BadInput(f"--validation {short(text)!r}: north has to be above south, and west before east")
    return Box(north=north, south=south, west=west, east=east)


def pack_own(
    out: Path, files: Sequence[Path], terrain: Path, validation: Box | None = None, footprint: float | None = None
) -> str:
    """Write the pack; returns what is in it, as a line."""
    assert_not_given(out, *files, terrain)
    if not out.parent.is_dir():
        raise StoreNotWritable(f"{out}: cannot be written, {out.parent} is not a folder")
    fields, grid = together(files)
    split = split_of(fields.sizes["time"], validation)
    whole = of_model(with_terrain(fields, grid, terrain), footprint or cell_km(grid.dlat, grid.dlat))
    partial = out.with_name(f".{out.stem}.partial.npz")
    pack({NAME: whole}, partial, split)
    partial.replace(out)
    first = split.first(fields.sizes["time"])
    trained = f"the first {first} trained on" if split.validation is None else "outside the box trained on"
    return (
        f"{out}: {', '.join(map(str, fields))} at {fields.sizes['time']} times, {trained}; {grid.rows} x {grid.cols} "
        f"points of {grid.dlat:g} degree, values over {whole.attrs['footprint']:.3g} km"
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--terrain", type=Path, required=True, help="heights over the whole area, GRIB or NetCDF")
    parser.add_argument("--validation", metavar="NORTH,WEST,SOUTH,EAST", help="a box to choose by, instead of times")
    parser.add_argument(
        "--footprint",
        type=float,
        metavar="KM",
        help="over which values are means in the model; default: the grid's cell",
    )
    args = parser.parse_args()
    try:
        box = None if args.validation is None else parse_box(args.validation)
        print(pack_own(args.out, args.files, args.terrain, box, args.footprint))
    except FinescaleError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
