"""Fields as GRIB2 messages by WMO's tables: every variable has one that ecCodes knows, in the unit that it says."""

from __future__ import annotations

from datetime import UTC, datetime

import eccodes
import numpy as np
import pytest

from tasks.grib.write import grib_message
from tasks.grids.grid import Grid
from tasks.variables import VARIABLES

GRID = Grid(north=31.0, west=112.0, dlat=0.5, dlon=0.5, rows=2, cols=3)
FACTORS = {"m": 1000.0, "1": 100.0}  # to kg m-2 and %
UNITS = {"K": "K", "m s-1": "m s**-1", "Pa": "Pa", "m": "kg m**-2", "1": "%", "J m-2": "J m**-2", "kg m-2": "kg m**-2"}


@pytest.mark.parametrize("name", list(VARIABLES))
def test_a_variable_has_a_message_of_no_centre(name: str) -> None:
    variable = VARIABLES[name]
    field = np.linspace(variable.low, min(variable.high, variable.low + 100), 6, dtype=np.float32).reshape(2, 3)
    field[1, 2] = np.nan
    data = grib_message(variable, datetime(2026, 11, 22, tzinfo=UTC), (3, 6), GRID, field, standard=True)
    handle = eccodes.codes_new_from_message(data)
    get = lambda key: eccodes.codes_get(handle, key)  # noqa: E731
    assert eccodes.codes_get(handle, "centre", int) == 255
    assert get("units") == UNITS[variable.units]
    over_time = variable.amount or variable.extreme
    assert (get("startStep"), get("endStep")) == ((3, 6) if over_time else (6, 6))
    if name.endswith("100"):
        assert (get("typeOfLevel"), get("level")) == ("heightAboveGround", 100)
    factor = FACTORS.get(variable.units, 1.0)
    values = eccodes.codes_get_values(handle)
    wanted = field.ravel() * factor
    np.testing.assert_allclose(values[:5], wanted[:5], atol=2e-5 * factor * float(np.ptp(wanted[:5]) / factor + 1e-9))
    assert values[5] == get("missingValue")
