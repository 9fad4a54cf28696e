"""The table of variables: its limits hold for real fields, its names and units lead back to it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import UnknownVariable
from tasks.names import AT_LEVEL, NAMES, PARAM_IDS, WMO, by_level, by_name, by_param_id, by_standard_name, by_wmo, rank
from tasks.prepare.decode import decode
from tasks.units import conversion
from tasks.variables import JUMPS_SEEN, VARIABLES, known


@pytest.mark.parametrize("name", JUMPS_SEEN)
def test_jump_limit_is_at_least_twice_what_real_fields_hold(name: str) -> None:
    assert VARIABLES[name].jump >= 2 * JUMPS_SEEN[name]


@pytest.mark.parametrize(
    "file",
    [
        "ifs_0p25_2t_20250115T00_24h.grib2",
        "ifs_0p25_scda_msl_2t_20250115T18_24h.grib2",
        "ifs_0p25_tp_20260716T12_24h.grib2",
        "ifs_0p25_asn_ptype_rsn_sd_tcc_20260310T00_0h.grib2",
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
def test_every_name_and_number_leads_to_its_variable(name: str) -> None:
    variable = VARIABLES[name]
    assert name in PARAM_IDS.values()
    assert NAMES[name][0] == name, "ours comes first"
    assert [by_name(n.upper()) for n in NAMES[name]] == [variable] * len(NAMES[name])
    assert [rank(n) for n in NAMES[name]] == list(range(len(NAMES[name])))
    for table, look in ((AT_LEVEL, by_level), (WMO, by_wmo)):
        assert {look(*key) for key, found in table.items() if found == name} <= {variable}
    assert {by_param_id(i) for i, found in PARAM_IDS.items() if found == name} == {variable}


def test_what_is_not_in_the_table_is_nothing() -> None:
    assert by_param_id(186) is None
    assert by_name("lcc") is None
    assert by_level("t", "isobaricInhPa", 500) is None
    assert by_standard_name("air_temperature", 10.0) is None
    assert by_standard_name("air_temperature", None) is None
    assert by_standard_name("air_temperature", 2.0) is VARIABLES["t2m"]


@pytest.mark.parametrize(
    ("written", "name", "value", "expected"),
    [
        ("degree_Celsius", "t2m", 0.0, 273.15), ("C", "t2m", 20.0, 293.15), ("degF", "t2m", 32.0, 273.15),
        ("degree Celsius", "t2m", 0.0, 273.15), ("Degrees C", "t2m", 0.0, 273.15),
        ("degrees Kelvin", "t2m", 280.0, 280.0),
        ("hpa", "msl", 1000.0, 1e5), ("ms-1", "u10", 3.0, 3.0),
        ("kelvin", "t2m", 280.0, 280.0), ("hPa", "msl", 1000.0, 1e5), ("millibar", "sp", 900.0, 9e4),
        ("mb", "sp", 900.0, 9e4), ("inHg", "msl", 29.92, 101320.0), ("knots", "u10", 10.0, 5.14444),
        ("km/h", "v10", 36.0, 10.0), ("m s**-1", "u10", 3.0, 3.0), ("mm", "tp", 2.0, 2e-3),
        ("(0 - 1)", "tcc", 0.4, 0.4), ("%", "tcc", 40.0, 0.4), ("percent", "tcc", 40.0, 0.4), ("1", "tcc", 0.4, 0.4),
        ("kg m**-2", "tcwv", 20.0, 20.0), ("J m**-2", "ssrd", 3e6, 3e6),
        ("MJ/m²", "ssrd", 1.0, 1e6),
        ("kg m**-2", "tp", 2.0, 2e-3), ("kg/m^2", "tp", 2.0, 2e-3), ("m of water equivalent", "tp", 1.0, 1.0),
    ],
)  # fmt: skip
def test_units_are_read_in_every_spelling(written: str, name: str, value: float, expected: float) -> None:
    variable = VARIABLES[name]
    found = conversion(written, variable.units, variable.amount)
    assert found is not None
    assert not found.rate
    assert float(found(np.array(value))) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(
    ("written", "value"), [("kg m-2 s-1", 1.0), ("mm/h", 3600.0), ("mm day-1", 86400.0), ("m s-1", 1e-3)]
)
def test_rates_are_known_as_such(written: str, value: float) -> None:
    found = conversion(written, "m", amount=True)
    assert found is not None
    assert (found.rate, float(found(np.array(value)))) == (True, pytest.approx(1e-3))


def test_watts_are_a_rate_of_joules() -> None:
    found = conversion("W m**-2", "J m-2", amount=True)
    assert found is not None
    assert (found.rate, float(found(np.array(250.0)))) == (True, 250.0)


@pytest.mark.parametrize("written", ["", "K", "okta"])
def test_what_is_no_share_is_none(written: str) -> None:
    assert conversion(written, "1") is None


@pytest.mark.parametrize("written", ["", "1", "%", "warm", "Pa", "kg", "mm (6h)"])
def test_what_is_no_unit_of_it_is_none(written: str) -> None:
    assert conversion(written, "K") is None


def test_unknown_variable_is_refused_with_the_known_ones() -> None:
    assert [v.name for v in known(["sp", "t2m"])] == ["sp", "t2m"]
    with pytest.raises(
        UnknownVariable, match=r"unknown variable 'rain'; known are: t2m, d2m, u10, v10, sp, msl, tp, u100, v100, "
    ):
        known(["t2m", "rain"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("wind_speed", "'wind_speed': wind_speed is made of u10,v10; write u10,v10, of which `point`, "),
        ("wind_direction_100", ": wind_direction_100 is made of u100,v100; "),
        ("Wind", ": wind_speed is made of u10,v10; "), ("rh", ": rh is made of t2m,d2m; "),
        ("2t", "'2t': did you mean t2m?; known are: t2m, "), ("T2M", ": did you mean t2m?"),
        ("precipitation", ": did you mean tp?"), ("solar radiation", ": did you mean ssrd?"),
        ("u_10", ": did you mean u10"), ("foo", "unknown variable 'foo'; known are: t2m"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_answered_by_what_may_be_meant(name: str, hint: str) -> None:
    with pytest.raises(UnknownVariable, match=re.escape(hint)):
        known([name])
