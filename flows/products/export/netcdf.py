"""A product as one NetCDF-4 file, CF-1.11, with valid time as its time axis: what CDO, NCO, Panoply and QGIS expect."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import xarray as xr

from flows.products.export.hours import COMMENT, Hours
from flows.products.export.wanted import Wanted
from flows.products.valid_time import along_valid_time, time_encoding
from tasks.store.metadata import CHECKSUM
from tasks.store.product import SINCE
from tasks.version import VERSION

# what the sums of radiation are, beside what models and meters have
FLUX = {
    unit: f"a sum, not a mean: {scaled}divided by the seconds between its time_bounds it is the mean flux in W m-2"
    for unit, scaled in {"J m-2": "", "MJ m-2": "times 1e6 and "}.items()
}
ROWS = 64  # of a field, of which every hour is in memory
LEFT_OUT = ("scorecard", "ledger", CHECKSUM)  # of the product as Zarr, for programs


def write_netcdf(wanted: Wanted, path: Path) -> None:
    """Write what is wanted; one chunk's lead times in memory at a time, or every hour of ROWS rows."""
    product = wanted.open()
    hours = Hours.of(product, wanted) if wanted.hourly else None
    skeleton = _skeleton(hours.coordinates(product) if hours else product.drop_vars(wanted.names), product, wanted)
    if hours:
        skeleton["forecast_period"].attrs["comment"] = COMMENT
    encoding: dict[str, dict[str, Any]] = {str(n): {"_FillValue": None} for n in skeleton.variables}
    encoding |= time_encoding(skeleton)
    skeleton.to_netcdf(path, format="NETCDF4", engine="netcdf4", encoding=encoding)
    rows, cols = product.sizes["latitude"], product.sizes["longitude"]
    with netCDF4.Dataset(path, "a") as file:
        for column in wanted.columns(product):
            variable = file.createVariable(
                column.name,
                "f4",
                ("time", "latitude", "longitude"),
                fill_value=netCDF4.default_fillvals["f4"],
                chunksizes=(1, min(rows, ROWS if hours else 512), min(cols, 512)),
                zlib=True,
                complevel=4,
                shuffle=True,
            )  # fmt: skip; deflate and shuffle: every reader of NetCDF-4 has these
            variable.setncatts(_attributes(column.attributes, skeleton, wanted.hourly))
            if hours is None:
                for i, field in column.fields(product):
                    variable[i] = field
                continue
            for top in range(0, rows, ROWS):
                part = slice(top, min(top + ROWS, rows))
                variable[:, part] = hours.fields(column, product, part)


def _skeleton(bare: xr.Dataset, product: xr.Dataset, wanted: Wanted) -> xr.Dataset:
    """Everything but the fields, renamed: time is the valid time, the start is forecast_reference_time."""
    ds = along_valid_time(bare)
    history = (
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} finescale {VERSION}: export to NetCDF of {wanted.chosen.entry.product}"
    )
    ds.attrs = {k: v for k, v in product.attrs.items() if k not in LEFT_OUT}
    ds.attrs["history"] = "\n".join(filter(None, [history, product.attrs.get("history")]))
    ds.attrs["finescale_why"] = "; ".join(wanted.chosen.entry.scorecard.why)
    return ds


def _attributes(of_product: dict[str, Any], skeleton: xr.Dataset, hourly: bool) -> dict[str, Any]:
    # `quantization` names a variable of the product that is not exported
    attributes = {k: v for k, v in of_product.items() if k not in ("coordinates", "quantization")}
    attributes["cell_methods"] = attributes["cell_methods"].replace("step:", "time:")
    if hourly:
        attributes["long_name"] = attributes["long_name"].replace(SINCE, "in the hour before")
    if attributes["units"] in FLUX and "time: sum" in attributes["cell_methods"]:
        attributes["comment"] = FLUX[attributes["units"]]
    beside = [str(n) for n in skeleton.coords if n not in ("time", "latitude", "longitude", "crs")]
    return attributes | {"coordinates": " ".join(beside)}
