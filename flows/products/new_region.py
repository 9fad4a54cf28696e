"""`finescale regions new`: a region's folder, with its terrain cut out of a larger file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import uuid4

import numpy as np
import xarray as xr
import yaml

from flows.products.boxes import parse_box
from flows.products.check_region import around_target
from tasks.errors import BadInput, RegionOutsideInput, StoreNotWritable
from tasks.grids.regrid import covers
from tasks.prepare.terrain import read_statics
from tasks.region.document import Region, parse
from tasks.region.search import folder_of

FILES = {"terrain": "terrain.nc", "boundary": "boundary.geojson", "places": "places.csv"}
# whence a file may come that is not there: its licence lets products be published
WHENCE = {
    "terrain": "ETOPO 2022 of NOAA (public domain), the Copernicus DEM (free, to be named), or IFS's orography; "
    "--terrain FILE cuts it",
    "boundary": "geoBoundaries (CC-BY-4.0) or your survey; a GeoJSON file of polygons; --boundary FILE copies it",
    "places": "GeoNames (CC-BY-4.0) or a table of yours: name,name_zh,latitude,longitude,rank; --places FILE copies it",
}
TEMPLATE = """\
# Every key is explained in docs/add-a-region.md.
name: {name}
title: {title}
timezone: {timezone}   # of who reads; what is stored is UTC
box: {{north: {north:g}, south: {south:g}, west: {west:g}, east: {east:g}}}
spacing: {spacing:g}         # degree, of the product
input_spacing: 0.25   # degree, of the fields that go into the model
variables: [t2m, d2m, u10, v10, sp, msl, tp]
lead_times: {{start: 0, stop: 144, step: 3}}   # hours
{files}
attribution: ""       # whose terrain, boundary and places these are
schedule:             # cron in UTC, null: never
  ifs: "45 7,19 * * *"
  era5: null          # with a key of the CDS: "30 6 * * *"
  maintain: "15 3 * * *"
  verify: "30 10,22 * * *"
"""


def new_region(
    name: str, box: str, given: dict[str, str | None], *, title: str | None, timezone: str, spacing: float, parent: str
) -> tuple[Path, list[str]]:
    """Make the folder `name` in `parent`; returns it, and for what is not there whence it may come.

    given: a file for each of FILES, or None. Nothing is left of a folder that could not be made. BadInput for a box,
    name, zone or file that is wrong, or a folder that is there already.
    """
    wanted, folder = parse_box(box), Path(parent).expanduser() / name
    if folder.exists():
        raise BadInput(
            f"{folder} is there already; take another name, or another --folder, or change its region.yaml, which "
            f"`finescale regions check {folder}` checks"
        )
    if (known := folder_of(name)) is not None:
        raise BadInput(f"{name} is a region already, in {known}; their products would replace each other: take another")
    files = {key: FILES[key] for key, file in given.items() if file is not None}
    lines = [f"{key}: {files[key]}" if key in files else f"# {key}: {FILES[key]}" for key in FILES]
    text = TEMPLATE.format(
        name=_scalar(name), title=_scalar(title or name.title()), timezone=_scalar(timezone), spacing=spacing,
        files="\n".join(lines), **wanted.model_dump(),
    )  # fmt: skip
    data = {key: value for key, value in yaml.safe_load(text).items() if key not in FILES}  # which are not there yet
    region = parse(data, folder, f"region {name}")
    making = folder.with_name(f".{name}.{uuid4().hex[:8]}.partial")
    try:
        making.mkdir()
        (making / "region.yaml").write_text(text, encoding="utf-8")
        for key, file in given.items():
            if file is not None:
                _bring(key, Path(file).expanduser(), making / FILES[key], region)
        making.replace(folder)
    except OSError as error:
        raise StoreNotWritable(f"{folder}: cannot be made ({error.strerror or error})") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    lacking = [key for key in FILES if key not in files]
    lines = [f"no {key}: {WHENCE[key]}" for key in lacking]
    if lacking:
        named = ", ".join(FILES[key] for key in lacking)
        lines.append(
            f"to add one: remove {folder} and make it again with the option; or put {named} there, take the # from its "
            f"line in region.yaml, then finescale regions check {folder}"
        )
    return folder, lines


def _scalar(text: str) -> str:
    """A text as YAML has it on one line, quoted where it would be something else."""
    line = yaml.safe_dump(text, width=1_000_000, allow_unicode=True).splitlines()[0]
    return line if text.isprintable() else json.dumps(text)


def _bring(key: str, file: Path, target: Path, region: Region) -> None:
    if not file.exists():
        raise BadInput(f"--{key} {file}: no such file")
    if key == "terrain":
        cut(file, region).to_netcdf(target)
    else:
        shutil.copyfile(file, target)


def cut(file: Path, region: Region) -> xr.Dataset:
    """Height in m and, where the file has it, land fraction, of the region and as far around it as the model looks.

    RegionOutsideInput for a file that does not hold the whole box.
    """
    fields, grid = read_statics(file)
    if not covers(grid, region.target):
        raise RegionOutsideInput(f"--terrain {file} covers {grid}, needed are {region.target}")
    rows, columns, part = grid.around(around_target(region), 1)
    known = {"height": ("elevation", {"units": "m", "standard_name": "surface_altitude"}), "land": ("land", {})}
    ds = xr.Dataset(coords={"latitude": part.latitude, "longitude": part.longitude}, attrs={"source": file.name})
    for name, field in fields.items():
        short, attributes = known[name]
        ds[short] = (("latitude", "longitude"), np.ascontiguousarray(field[rows][:, columns]), attributes)
    return ds
