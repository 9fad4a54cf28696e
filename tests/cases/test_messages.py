"""GRIB messages as other centres write them: the demo's, headed anew."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks.errors import FinescaleError
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import scanned
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB
from tests.grib import message

INDICATOR, END = 16, b"7777"


def together(first: bytes, second: bytes) -> bytes:
    """Both fields in one message, as NCEP writes u and v: sections 4 to 7 twice."""
    sections, at = [], INDICATOR
    while second[at : at + 4] != END:
        size = int.from_bytes(second[at : at + 4], "big")
        sections.append((second[at + 4], second[at : at + size]))
        at += size
    body = first[INDICATOR:-4] + b"".join(s for n, s in sections if n >= 4) + END
    return first[:8] + (INDICATOR + len(body)).to_bytes(8, "big") + body


def read(folder: Path, *parts: bytes) -> tuple[Assembled, xr.Dataset]:
    path = folder / "file.grib2"
    path.write_bytes(b"".join(parts))
    with scanned([path], set(VARIABLES)) as scan:
        assembled = assemble(scan, lambda grid: grid, list(VARIABLES), [])
        return assembled, assembled.load()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    return read(tmp_path_factory.mktemp("demo"), DEMO_GRIB.read_bytes())[1]


def test_both_fields_of_one_message_are_read(tmp_path: Path, demo: xr.Dataset) -> None:
    both = together(message("10u"), message("10v"))
    _, fields = read(tmp_path, message("2t"), both, message("sp"))
    assert set(fields.data_vars) == {"t2m", "u10", "v10", "sp"}
    for name in fields.data_vars:
        np.testing.assert_array_equal(fields[name], demo[name])


def test_pressure_at_sea_level_as_ncep_names_it(tmp_path: Path, demo: xr.Dataset) -> None:
    np.testing.assert_array_equal(read(tmp_path, message("msl", paramId=260074))[1].msl, demo.msl)


def test_lead_time_in_minutes(tmp_path: Path, demo: xr.Dataset) -> None:
    minutes = {"stepUnits": 0, "startStep": 0, "endStep": 465}
    assembled, fields = read(tmp_path, message("2t", stepUnits=0, endStep=465), message("tp", **minutes))
    assert assembled.lead_hours == [7.75]
    assert (fields.step_bounds.values / np.timedelta64(1, "m")).tolist() == [[0, 465]]
    np.testing.assert_array_equal(fields.tp, demo.tp)


@pytest.mark.parametrize("sums", [True, False])
def test_of_two_intervals_at_one_lead_time_one_is_taken(tmp_path: Path, demo: xr.Dataset, sums: bool) -> None:
    """GFS has the sum since the start, and of the last hours: 0-6 and, at 9 h, 6-9 beside 0-9."""
    parts = [message("tp", startStep=0, endStep=6), message("tp", 0.5, startStep=6, endStep=9)]
    parts += [message("tp", 1.5, startStep=0, endStep=9)] if sums else []
    _, fields = read(tmp_path, *parts)
    assert (fields.step_bounds.values / np.timedelta64(1, "h")).tolist() == [[0, 6], [6, 9]]
    np.testing.assert_allclose(fields.tp[0], demo.tp[0], atol=1e-6)
    np.testing.assert_allclose(fields.tp[1], 0.5 * demo.tp[0], atol=2e-6)


def test_one_member_alone_is_read_and_two_are_refused(tmp_path: Path, demo: xr.Dataset) -> None:
    member = {"productDefinitionTemplateNumber": 1, "typeOfEnsembleForecast": 3}
    third = message("2t", **member, perturbationNumber=3)
    np.testing.assert_array_equal(read(tmp_path, third)[1].t2m, demo.t2m)
    with pytest.raises(FinescaleError, match=r"members 3, 4 of an ensemble; hand in one of them"):
        read(tmp_path, third, message("2t", **member, perturbationNumber=4))
    assembled, _ = read(tmp_path, message("2t"), third)
    assert assembled.others == ["members 3 of an ensemble"]


def test_a_day_of_era5_land_has_two_starts(tmp_path: Path, demo: xr.Dataset) -> None:
    """Sums since 00 UTC, whose last is of 00 UTC of the next day; 2 m temperature is an analysis."""
    rain = {"class": "l5", "dataDate": 20260530, "dataTime": 0, "startStep": 0}
    parts = [message("tp", h / 24, **rain, endStep=h) for h in (22, 23, 24)]
    parts.append(message("tp", 0.1, **rain | {"dataDate": 20260531}, endStep=1))
    days = ((20260530, 2200), (20260530, 2300), (20260531, 0), (20260531, 100))
    keys = {"class": "l5", "type": "an", "startStep": 0, "endStep": 0}
    parts += [message("2t", dataDate=day, dataTime=hour, **keys) for day, hour in days]
    assembled, fields = read(tmp_path, *parts)
    assert (assembled.analysis, assembled.origin) == (True, "era5")
    assert (fields.step_bounds.values / np.timedelta64(1, "h")).tolist() == [[-22, 0], [0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(fields.tp[1], demo.tp[0] / 24, atol=2e-6)
    np.testing.assert_allclose(fields.tp[3], demo.tp[0] * 0.1, atol=2e-6)


def test_spread_of_an_ensemble_is_no_wind(tmp_path: Path) -> None:
    spread = message("10u", productDefinitionTemplateNumber=2, derivedForecast=4)
    with pytest.raises(FinescaleError, match=r"it has 10u at heightAboveGround \(derived forecast 4"):
        read(tmp_path, spread)


def test_rain_in_kilograms_and_in_metres_are_one(tmp_path: Path, demo: xr.Dataset) -> None:
    np.testing.assert_allclose(read(tmp_path, message("tp", 1000, paramId=228228))[1].tp, demo.tp, atol=1e-6)


def test_rate_of_an_instant_is_left_out(tmp_path: Path) -> None:
    rates = [message("tp", paramId=260048, productDefinitionTemplateNumber=0, forecastTime=h) for h in (0, 3)]
    states = [message("2t", forecastTime=h) for h in (0, 3)]
    assembled, fields = read(tmp_path, *rates, *states)
    assert set(fields.data_vars) == {"t2m"}
    assert assembled.others == ["tprate"]


def test_rate_of_rain_becomes_its_amount(tmp_path: Path, demo: xr.Dataset) -> None:
    """tprate in kg m-2 s-1, a mean over its steps."""
    keys = {"productDefinitionTemplateNumber": 8, "typeOfStatisticalProcessing": 0}
    rate = message("tp", 1000 / (8 * 3600), paramId=260048, **keys)
    assembled, fields = read(tmp_path, rate)
    assert (fields.step_bounds.values / np.timedelta64(1, "h")).tolist() == [[0, 8]]
    np.testing.assert_allclose(fields.tp, demo.tp, atol=2e-6)
    assert "steps" in assembled.covered["tp"].evidence
