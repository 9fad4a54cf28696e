"""The table of variables: its limits hold for real fields, its names and units lead back to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.errors import UnknownVariable
from tasks.prepare.decode import decode
from tasks.variables import CONVERSIONS, JUMPS_SEEN, VARIABLES, by_name, by_param_id, known


@pytest.mark.parametrize("name", VARIABLES)
def test_jump_limit_is_at_least_twice_what_real_fields_hold(name: str) -> None:
    assert VARIABLES[name].jump >= 2 * JUMPS_SEEN[name]


@pytest.mark.parametrize(
    "file",
    [
        "ifs_0p25_2t_20250115T00_24h.grib2",
        "ifs_0p25_scda_msl_2t_20250115T18_24h.grib2",
        "ifs_0p25_tp_20260716T12_24h.grib2",
        "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib",
    ],
)
def test_real_fields_stay_inside_the_limits(file: str, shared_data: Path) -> None:
    fields = list(decode(shared_data / "fixtures" / file, set(VARIABLES)))
    assert fields
    for field in fields:
        variable = field.header.variable
        assert variable.low <= field.values.min() <= field.values.max() <= variable.high
        for axis in (0, 1):
            assert np.abs(np.diff(field.values, axis=axis)).max() <= JUMPS_SEEN[variable.name]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_name_and_parameter_leads_to_its_variable(name: str) -> None:
    variable = VARIABLES[name]
    assert all(by_param_id(i) is variable for i in variable.param_ids)
    assert all(by_name(n) is variable for n in (name, *variable.aliases))
    assert CONVERSIONS[variable.units] == (variable.units, 1.0, 0.0)


def test_what_is_not_in_the_table_is_nothing() -> None:
    assert by_param_id(164) is None
    assert by_name("tcc") is None


def test_unknown_variable_is_refused_with_the_known_ones() -> None:
    assert [v.name for v in known(["sp", "t2m"])] == ["sp", "t2m"]
    with pytest.raises(UnknownVariable, match=r"unknown variable 'rain'; known are: t2m, d2m, u10, v10, sp, msl, tp"):
        known(["t2m", "rain"])
