"""One field as a GRIB2 message, as ECMWF writes its own: so that what is fetched as numbers is read like all else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import eccodes
import numpy as np

from tasks.grids.grid import Grid
from tasks.names import GEOPOTENTIAL, PARAM_IDS
from tasks.variables import TERRAIN, Variable

PARAM_ID = {name: number for number, name in reversed(PARAM_IDS.items())}  # the first of a variable
PARAM_ID[TERRAIN.name] = GEOPOTENTIAL
BITS = 16
ECMWF: dict[str, str | int] = {
    "centre": "ecmf", "setLocalDefinition": 1, "class": "od", "stream": "oper", "type": "fc", "expver": "0001",
}  # fmt: skip
ERA5 = ECMWF | {"class": "ea", "type": "an"}
ABOVE_100_M = {
    "discipline": 0, "parameterCategory": 2, "typeOfFirstFixedSurface": 103, "scaleFactorOfFirstFixedSurface": 0,
    "scaledValueOfFirstFixedSurface": 100,
}  # fmt: skip
# by WMO's own tables, which readers know that do not know ECMWF's: keys, and the factor to their unit (kg m-2, %)
STANDARD: dict[str, tuple[dict[str, int], float]] = {
    "tp": ({"paramId": 228228}, 1000.0), "sf": ({"paramId": 228144}, 1000.0), "sd": ({"paramId": 228141}, 1000.0),
    "tcc": ({"paramId": 228164}, 100.0), "fg10": ({"paramId": 237318}, 1.0), "mx2t": ({"paramId": 237167}, 1.0),
    "mn2t": ({"paramId": 238167}, 1.0), "u100": (ABOVE_100_M | {"parameterNumber": 2}, 1.0),
    "v100": (ABOVE_100_M | {"parameterNumber": 3}, 1.0),
}  # fmt: skip
# "missing": what is made here is no centre's
NOBODY: dict[str, str | int] = {"tablesVersion": 30, "centre": 255}
MISSING = -1e20


def grib_message(
    variable: Variable, init: datetime, hours: tuple[int, int], grid: Grid, field: np.ndarray,
    standard: bool = False, of: Mapping[str, str | int] = ECMWF, exact: bool = False,
) -> bytes:  # fmt: skip
    """The message of a forecast's field (rows, cols), in the table's unit, on a regular grid.

    As ECMWF's operational forecast has it, or another of its kinds (`of`), or `standard`: of no centre, by WMO's tables
    and in their units, packed so that every reader unpacks it. `exact`: float32 as they are instead of 16 bits.
    `hours`: since `init`, from and until when it is a sum or an extreme; of a moment the second counts. What is not
    finite is missing.
    """
    handle = eccodes.codes_new_from_samples("regular_ll_sfc_grib2", eccodes.CODES_PRODUCT_GRIB)
    start, stop = hours
    plain = {"paramId": PARAM_ID[variable.name]}, 1.0
    parameter, factor = STANDARD.get(variable.name, plain) if standard else plain
    packing = {"bitsPerValue": BITS, "packingType": "grid_simple" if standard else "grid_ccsds"}
    if exact:
        packing = {"packingType": "grid_ieee", "precision": 1}
    keys: dict[str, int | float | str] = {
        **(NOBODY if standard else of),
        "dataDate": int(f"{init:%Y%m%d}"), "dataTime": init.hour * 100,
        **parameter,
        "Ni": grid.cols, "Nj": grid.rows,
        "latitudeOfFirstGridPointInDegrees": grid.north, "latitudeOfLastGridPointInDegrees": grid.south,
        "longitudeOfFirstGridPointInDegrees": grid.west % 360.0, "longitudeOfLastGridPointInDegrees": grid.east % 360.0,
        "iDirectionIncrementInDegrees": grid.dlon, "jDirectionIncrementInDegrees": grid.dlat,
        **packing,
    }  # fmt: skip
    over_time = variable.amount or variable.extreme
    keys |= {"startStep": start, "endStep": stop} if over_time else {"forecastTime": stop}
    there = np.isfinite(field)
    if not there.all():
        keys |= {"bitmapPresent": 1, "missingValue": MISSING}
    try:
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, np.where(there, field * np.float64(factor), MISSING).ravel())
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def redated(messages: bytes, time: datetime) -> bytes:
    """The same messages, of fields that do not change, as the analysis of another time."""
    out = b""
    for message in eccodes.MemoryReader(messages):
        message.set("dataDate", int(f"{time:%Y%m%d}"))
        message.set("dataTime", time.hour * 100)
        out += bytes(message.get_buffer())
    return out
