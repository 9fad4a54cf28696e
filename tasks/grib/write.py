"""One field as a GRIB2 message, as ECMWF writes its own: so that what is fetched as numbers is read like all else."""

from __future__ import annotations

from datetime import datetime

import eccodes
import numpy as np

from tasks.grids.grid import Grid
from tasks.names import PARAM_IDS
from tasks.variables import Variable

PARAM_ID = {name: number for number, name in reversed(PARAM_IDS.items())}  # the first of a variable
BITS = 16


def grib_message(variable: Variable, init: datetime, hours: tuple[int, int], grid: Grid, field: np.ndarray) -> bytes:
    """The message of an operational forecast's field (rows, cols), in the table's unit, on a regular grid.

    `hours`: since `init`, from and until when it is a sum or an extreme; of a moment the second counts.
    """
    handle = eccodes.codes_new_from_samples("regular_ll_sfc_grib2", eccodes.CODES_PRODUCT_GRIB)
    start, stop = hours
    keys: dict[str, int | float | str] = {
        "centre": "ecmf", "setLocalDefinition": 1, "class": "od", "stream": "oper", "type": "fc", "expver": "0001",
        "dataDate": int(f"{init:%Y%m%d}"), "dataTime": init.hour * 100, "paramId": PARAM_ID[variable.name],
        "Ni": grid.cols, "Nj": grid.rows,
        "latitudeOfFirstGridPointInDegrees": grid.north, "latitudeOfLastGridPointInDegrees": grid.south,
        "longitudeOfFirstGridPointInDegrees": grid.west % 360.0, "longitudeOfLastGridPointInDegrees": grid.east % 360.0,
        "iDirectionIncrementInDegrees": grid.dlon, "jDirectionIncrementInDegrees": grid.dlat,
        "bitsPerValue": BITS, "packingType": "grid_ccsds",
    }  # fmt: skip
    over_time = variable.amount or variable.extreme
    keys |= {"startStep": start, "endStep": stop} if over_time else {"forecastTime": stop}
    try:
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, field.astype(np.float64).ravel())
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)
