"""Super-resolves any latitude-longitude file on its own whole domain; plain functions, no orchestration."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import xarray as xr

from flows.products.valid_time import along_valid_time, time_encoding
from models.followers import unknown_to
from models.following import following
from models.geometry import subdivide
from models.operator import Operator
from tasks.acquire.files import local_files
from tasks.arrays import checked
from tasks.downscale.fields import check_scale, downscale_fields, interpolate_fields
from tasks.downscale.methods import interpolation
from tasks.downscale.predict import make_plan
from tasks.errors import BadInput, ModelMismatch, RegionOutsideInput, StoreNotWritable, short
from tasks.grids.grid import Grid, lattice
from tasks.grids.regrid import covers
from tasks.handover.cycle import ATTRIBUTION
from tasks.handover.prepared import Prepared, keep
from tasks.outputs import assert_not_given
from tasks.packages import assert_knows, open_package
from tasks.prepare.agreement import disagreement
from tasks.prepare.amounts import parse_rule
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import grid_of, scanned
from tasks.prepare.fields import Rule
from tasks.prepare.operators import operator_of, sampling_of
from tasks.prepare.own_terrain import own_heights
from tasks.prepare.terrain import static_fields
from tasks.store.product import describe, operator_attributes
from tasks.variables import VARIABLES, known
from tasks.version import VERSION

SUFFIXES = (".nc", ".zarr")
MOST_SCALE = 100
MOST_GB = 8.0  # of a product of `field`: what a machine of 16 GB can hold


@dataclass(frozen=True)
class FieldReport:
    """What was made."""

    output: str
    coarse: Grid
    target: Grid
    variables: list[str]
    lead_times: int
    scale: tuple[float, float]
    intervals: str  # what says which time an amount covers; empty where nothing does, or where there is none
    others: list[str]  # what else the input holds


def parse_scale(text: str) -> tuple[float, float]:
    """`2.5`, or `2x3` for different factors in y and x; BadInput below 1."""
    try:
        parts = [float(p) for p in text.lower().split("x")]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2) or not all(1 <= p <= MOST_SCALE for p in parts):
        raise BadInput(f"--scale {short(text)!r}: give a number from 1 to 100, or two like 2x3 for y and x")
    return parts[0], parts[-1]


def subdivided(coarse: Grid, scale: tuple[float, float]) -> Grid:
    """Grid that splits the cells around the input's points; rows beyond a pole are left out."""
    rows, cols = subdivide(coarse.rows, scale[0]), subdivide(coarse.cols, scale[1])
    dlat, dlon = rows.width * coarse.dlat, cols.width * coarse.dlon
    grid = Grid(
        round(coarse.north - rows.centres[0] * coarse.dlat, 9),
        round(coarse.west + cols.centres[0] * coarse.dlon, 9),
        dlat,
        dlon,
        len(rows),
        len(cols),
    )
    if coarse.wraps and grid.west < -180.0:  # around the Earth any column can be the first
        grid = grid.extended(0, 0, -int(np.ceil((-180.0 - grid.west) / dlon - 1e-9)), 0)
        grid = grid.extended(0, 0, 0, len(cols) - grid.cols)
    over_north = int((grid.latitude > 90 + 1e-9).sum())
    over_south = int((grid.latitude < -90 - 1e-9).sum())
    return grid.extended(-over_north, -over_south, 0, 0)


def on_multiples(coarse: Grid, spacing: float) -> Grid:
    """Grid of whole multiples of the spacing inside the input's cells."""
    least = max(coarse.dlat, coarse.dlon) / MOST_SCALE
    if not least - 1e-9 <= spacing <= min(coarse.dlat, coarse.dlon) + 1e-9:
        raise BadInput(f"--spacing {spacing:g}: give degrees from {least:g} to at most the input's {coarse.dlat:g}")
    north, south = min(coarse.north + coarse.dlat / 2, 90.0), max(coarse.south - coarse.dlat / 2, -90.0)
    if coarse.wraps and abs(360 / spacing - round(360 / spacing)) < 1e-6:
        return lattice(north, south, -180.0, 180.0 - spacing, spacing)
    return lattice(north, south, coarse.west - coarse.dlon / 2, coarse.east + coarse.dlon / 2, spacing)


def target_grid(coarse: Grid, scale: str | None, spacing: float | None, like: str | None) -> Grid:
    """The grid asked for; exactly one of the three must be given."""
    if sum(v is not None for v in (scale, spacing, like)) != 1:
        raise BadInput("give exactly one of --scale, --spacing and --like")
    if scale is not None:
        return subdivided(coarse, parse_scale(scale))
    if spacing is not None:
        return on_multiples(coarse, spacing)
    assert like is not None
    target = grid_of(Path(like))
    if not covers(coarse, target):
        raise RegionOutsideInput(
            f"--like {like} ({target}) is not inside the input ({coarse}); cut it, or give an input that covers it"
        )
    return target


@contextmanager
def _read(path: str, variables: list[str] | None, rule: Rule | None) -> Iterator[tuple[Assembled, xr.Dataset]]:
    """What a file holds, and its fields, which lie in a scratch store in $TMPDIR meanwhile."""
    wanted = variables or list(VARIABLES)
    if twice := next((n for n in wanted if wanted.count(n) > 1), None):
        raise BadInput(f"--variables: {short(twice)} is there twice; give it once")
    known(wanted)
    with TemporaryDirectory(prefix="finescale-") as folder, scanned([Path(path)], set(wanted)) as scan:
        assembled = assemble(scan, lambda grid: grid, wanted, variables or [], rule)
        yield assembled, keep(assembled.coordinates(), assembled.variables, assembled.series(), f"{folder}/input.zarr")


def _assert_fits(target: Grid, assembled: Assembled, most_gb: float) -> None:
    """BadInput, before anything is computed, for more than memory is meant to hold."""
    fields = len(assembled.variables) * len(assembled.valid_times)
    size = 4 * target.rows * target.cols * fields / 1e9
    if size > most_gb:
        raise BadInput(
            f"{target.rows:,} x {target.cols:,} points, {fields} fields: {size:,.0f} GB in memory, and at most "
            f"{most_gb:g} are taken; fewer points or --variables, a cut of the file, or --most-gb {math.ceil(size)} if "
            "that is meant"
        )


def _describe(ds: xr.Dataset, assembled: Assembled, made_with: str, operator: Operator) -> xr.Dataset:
    """CF metadata, along the valid time; a time series has no lead times, an undated file no times at all."""
    attributes = {
        "title": "High-resolution fields made by finescale",
        "source": made_with,
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {made_with}",
        "attribution": ATTRIBUTION[assembled.origin],
        "finescale_version": VERSION,
    }
    ds = describe(ds, attributes | operator_attributes(operator), operator.sampling)
    for name in assembled.averaged:
        ds[name].attrs["cell_methods"] = ds[name].attrs["cell_methods"].replace(": point", ": mean")
    if not assembled.dated:
        return ds.isel(step=0).drop_vars(["step", "time", "valid_time", "step_bounds"], errors="ignore")
    ds = along_valid_time(ds)
    return ds.drop_vars(["forecast_period", "forecast_reference_time"]) if assembled.analysis else ds


def _write(ds: xr.Dataset, output: Path) -> None:
    """NetCDF or Zarr by suffix; whole or not at all."""
    partial = output.with_name(f".{output.name}.{uuid4().hex[:8]}.partial")
    encoding = time_encoding(ds) | {n: {"_FillValue": None} for n in ("latitude", "longitude")}
    try:
        if output.suffix == ".zarr":
            for array in ds.variables.values():
                array.encoding["compressors"] = checked()
            ds.to_zarr(partial, mode="w", zarr_format=3, consolidated=True, encoding=encoding)
            if output.exists():
                shutil.rmtree(output)
        else:
            compressed = {"zlib": True, "complevel": 1, "shuffle": True}
            ds.to_netcdf(partial, encoding=encoding | {n: compressed for n in ds.data_vars if n in VARIABLES})
        partial.replace(output)
    except OSError as error:
        raise StoreNotWritable(f"{output}: cannot be written ({error.strerror or error})") from None
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def super_resolve_file(
    source: str,
    output: str,
    *,
    scale: str | None = None,
    spacing: float | None = None,
    like: str | None = None,
    variables: list[str] | None = None,
    terrain: str | None = None,
    method: str = "inr",
    model: str = "inr-hres",
    input_is: str | None = None,
    rain_interval: str | None = None,
    force: bool = False,
    most_gb: float = MOST_GB,
) -> FieldReport:
    """Read `source`, evaluate it on the grid asked for, write `output` (.nc or .zarr), which must not be there yet.

    `most_gb`: of its fields, which are in memory together.
    """
    if Path(output).suffix not in SUFFIXES:
        raise BadInput(f"{output}: unknown kind of output; end it with one of {', '.join(SUFFIXES)}")
    if not Path(output).parent.is_dir():
        raise StoreNotWritable(f"{output}: cannot be written, {Path(output).parent} is not a folder")
    assert_not_given(output, source, terrain, like)
    if Path(output).exists() and not force:
        raise BadInput(f"{output} is there already; --force replaces it")
    sampling_of(input_is)  # before anything is read
    rule = parse_rule(rain_interval)
    if scale is not None:
        parse_scale(scale)
    package = open_package(model) if method == "inr" else None
    interpolator = None if package is not None else interpolation(method)
    confirmed = bool(local_files([source])[0].confirmed)
    with _read(source, variables, rule) as (assembled, fields):
        target = target_grid(assembled.grid, scale, spacing, like)
        _assert_fits(target, assembled, most_gb)
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means, sampling_of(input_is))
        own = own_heights(assembled.terrain, assembled.grid) if terrain else None
        relief = static_fields(Path(terrain), assembled.grid, target, target, operator, own) if terrain else None
        prepared = Prepared(fields, assembled.grid, operator, relief)
        disagreement(fields, assembled, prepared.gridded.height, confirmed=confirmed)
        if package is not None:
            assert_knows(package, operator)
            network = package.load()
            if unknown_to(package.variables, assembled.variables) == assembled.variables:
                raise ModelMismatch(f"{source}: none of {package.model_id}'s variables: {', '.join(package.variables)}")
            halo = network.reach if assembled.grid.wraps else package.halo
            plan = make_plan(assembled.grid, target, operator, halo=halo, reach=network.reach)
            check_scale(plan, package.scale_range, package.model_id)
            ds = downscale_fields(prepared, plan, *following(network, assembled.variables))
            made_with = f"finescale {VERSION}, model {package.model_id} ({package.digest[:16]})"
        else:
            assert interpolator is not None
            plan = make_plan(assembled.grid, target, operator, halo=interpolator.reach, reach=interpolator.reach)
            check_scale(plan, (1.0, 1e9), method)
            ds = interpolate_fields(prepared, plan, interpolator)
            made_with = f"finescale {VERSION}, {method}"
        ds.attrs = {}
        _write(_describe(ds, assembled, made_with, operator), Path(output))
        names = [str(n) for n in ds.data_vars if n in VARIABLES]
        return FieldReport(
            output,
            assembled.grid,
            target,
            names,
            len(assembled.valid_times),
            plan.scale,
            assembled.evidence,
            assembled.others,
        )
