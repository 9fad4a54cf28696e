"""From single fields to a data set of one cycle: what is put in order, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from models.statistics import VARIABLES as TRAINED
from tasks.errors import BadInput, CorruptField, MissingField, MixedCycles
from tasks.grids.grid import Canonical, Grid
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import Scan, scanned
from tasks.prepare.fields import FieldHeader
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB

GRID = Grid(34.0, 108.0, 0.25, 0.25, 5, 6)
INIT = datetime(2026, 11, 22, 0, tzinfo=UTC)
TYPICAL = {"t2m": 280.0, "d2m": 275.0, "u10": 3.0, "v10": -2.0, "sp": 95000.0, "msl": 101000.0, "tp": 0.0}


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def field(
    name: str,
    lead: float = 6,
    value: float | np.ndarray | None = None,
    *,
    init: datetime = INIT,
    since: float | None = None,
    analysis: bool = False,
    grid: Grid = GRID,
    origin: str = "ifs",
    expver: str = "0001",
) -> FieldHeader:
    """One field; amounts are summed from `since` hours of lead time, by default from the start."""
    values = np.broadcast_to(TYPICAL[name] if value is None else value, (grid.rows, grid.cols)).astype(np.float32)
    valid = init + hours(lead)
    start = init + hours(since or 0) if VARIABLES[name].amount else valid
    if VARIABLES[name].amount and analysis:
        start = None  # a time series does not say
    layout = Canonical(grid, False, np.arange(grid.cols))
    return FieldHeader(
        VARIABLES[name], init, start, valid, analysis, origin, expver, layout, f"file.grib2 ({name} +{lead} h)",
        lambda wanted: wanted(values),
    )  # fmt: skip


@dataclass
class Together:
    """An assembled cycle and its fields."""

    assembled: Assembled
    fields: xr.Dataset

    def __getattr__(self, name: str) -> Any:
        return getattr(self.assembled, name)


def together(headers: Iterable[FieldHeader], wanted: list[str], required: list[str] | None = None) -> Together:
    """Assembled without regridding, and decoded."""
    assembled = assemble(Scan(list(headers)), lambda grid: grid, wanted, wanted if required is None else required)
    return Together(assembled, assembled.load())


def test_fields_in_any_order_come_out_by_lead_time_in_the_order_of_the_region() -> None:
    out = together([field(n, lead, TYPICAL[n] + lead) for lead in (12, 0, 6) for n in ("sp", "t2m")], ["t2m", "sp"])
    assert list(out.fields.data_vars) == ["t2m", "sp"]
    assert (out.fields.step.values / np.timedelta64(1, "h")).tolist() == [0, 6, 12]
    np.testing.assert_array_equal(out.fields.t2m[:, 0, 0], [280, 286, 292])
    assert out.fields.t2m.dtype == np.float32
    assert out.init == INIT
    assert out.fields.time.values == np.datetime64("2026-11-22T00")
    assert out.fields.valid_time.values[-1] == np.datetime64("2026-11-22T12")
    np.testing.assert_array_equal(out.fields.latitude, GRID.latitude)
    assert (out.origin, out.expver, out.absent, out.analysis) == ("ifs", "0001", [], False)


def test_origins_and_versions_that_differ_are_said() -> None:
    out = together([field("t2m", expver="0005"), field("sp", expver="0001", origin="era5")], ["t2m", "sp"])
    assert (out.origin, out.expver) == ("unknown", "0001+0005")


def bounds(out: Together) -> list[list[float]]:
    return (out.fields.step_bounds.values / np.timedelta64(1, "h")).tolist()  # type: ignore[no-any-return]


def test_rain_since_the_start_becomes_rain_since_the_previous_lead_time() -> None:
    out = together([field("tp", lead, rain) for lead, rain in ((6, 0.010), (3, 0.004), (9, 0.010))], ["tp"])
    np.testing.assert_allclose(out.fields.tp[:, 2, 3], [0.004, 0.006, 0.0], atol=1e-7)
    assert bounds(out) == [[0, 3], [3, 6], [6, 9]]


def test_rain_of_separate_hours_stays_what_it_is() -> None:
    out = together([field("tp", lead, 0.001 * lead, since=lead - 1) for lead in (3, 1, 2)], ["tp"])
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], [0.001, 0.002, 0.003])
    assert bounds(out) == [[0, 1], [1, 2], [2, 3]]


def test_rain_of_a_reanalysis_stays_what_it_is_at_its_first_hour_too() -> None:
    values = {"tp": 0.001, "t2m": None}
    series = [field(n, h, values[n], analysis=True, origin="era5") for h in (0, 1, 2) for n in values]
    out = together(series, ["t2m", "tp"])
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], [0.001] * 3)
    assert bounds(out) == [[-1, 0], [0, 1], [1, 2]], "ERA5 holds amounts of one hour"
    assert out.analysis


def test_hourly_rain_of_era5_as_decoded_from_grib_is_not_differenced() -> None:
    """ERA5 accumulates over an hour from forecasts that start at 06 and 18: one `init`, steps 0-1, 1-2, ..."""
    series = []
    for hour in range(7, 10):
        base = field("tp", hour, 0.002, since=hour - 1, origin="era5")
        series.append(FieldHeader(**{**base.__dict__, "analysis": True}))
        series.append(field("t2m", 0, init=INIT + hours(hour), analysis=True, origin="era5"))
    out = together(series, ["t2m", "tp"])
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], [0.002] * 3)
    assert out.init == INIT + hours(7)
    assert bounds(out) == [[-1, 0], [0, 1], [1, 2]]


@given(st.lists(st.floats(0, 0.25, width=32), min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_amounts_add_up_to_the_last_accumulation(amounts: list[float], shuffler: Random) -> None:
    sums = np.cumsum(np.float32(amounts), dtype=np.float32)
    fields = [field("tp", 3 * (i + 1), float(s)) for i, s in enumerate(sums)]
    shuffler.shuffle(fields)
    out = together(fields, ["tp"])
    assert float(out.fields.tp.min()) >= 0.0
    np.testing.assert_allclose(out.fields.tp.sum("step"), sums[-1], atol=1e-6)
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], np.float32(amounts), atol=1e-6)


def test_forecast_has_no_rain_at_its_start() -> None:
    fields = [field("t2m", 0), field("t2m", 3), field("tp", 3, 0.002)]
    out = together(fields, ["t2m", "tp"])
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], [0.0, 0.002])
    assert bounds(out) == [[0, 0], [0, 3]]


def test_reanalysis_without_rain_at_its_first_hour_is_not_filled_with_zeros() -> None:
    fields = [field("t2m", 0, analysis=True), field("t2m", 1, analysis=True), field("tp", 1, analysis=True)]
    with pytest.raises(MissingField, match="tp is missing at lead time 0 h"):
        together(fields, ["t2m", "tp"])


def test_falling_accumulation_is_refused_with_both_times_and_the_message() -> None:
    fallen = np.full((5, 6), 0.010)
    fallen[2, 3] = 0.007
    with pytest.raises(CorruptField) as refused:
        together([field("tp", 3, 0.010), field("tp", 6, fallen)], ["tp"])
    for part in ("file.grib2 (tp +6 h)", "tp", "2026-11-22T06", "2026-11-22T03", "0.003 m", "fetch them again"):
        assert part in str(refused.value)


def test_packing_noise_in_an_accumulation_is_no_fall() -> None:
    out = together([field("tp", 3, 0.010), field("tp", 6, 0.01 - 5e-5), field("tp", 9, 0.012)], ["tp"])
    np.testing.assert_allclose(out.fields.tp[:, 0, 0], [0.010, 0.0, 0.002], atol=1e-4)
    assert float(out.fields.tp.min()) == 0.0


def test_missing_message_names_variable_lead_time_and_valid_time() -> None:
    fields = [field(n, lead) for lead in (0, 3, 6) for n in ("t2m", "sp") if (n, lead) != ("sp", 3)]
    with pytest.raises(MissingField, match=r"sp is missing at lead time 3 h \(valid 2026-11-22T03\)"):
        together(fields, ["t2m", "sp"])


def test_missing_rain_after_the_start_is_not_taken_for_dry() -> None:
    fields = [field("t2m", 0), field("t2m", 3), field("t2m", 6), field("tp", 3)]
    with pytest.raises(MissingField, match="tp is missing at lead time 6 h"):
        together(fields, ["t2m", "tp"])


def test_two_cycles_are_refused_with_both_files() -> None:
    fields = [field("t2m", 6), field("t2m", 6, init=INIT + hours(12))]
    with pytest.raises(MixedCycles, match=r"2 cycles.*starts 2026-11-22T00.*starts 2026-11-22T12"):
        together(fields, ["t2m"])


def test_two_cycles_valid_at_the_same_time_are_refused() -> None:
    fields = [field("t2m", 18), field("sp", 6, init=INIT + hours(12))]
    with pytest.raises(MixedCycles, match="2 cycles"):
        together(fields, ["t2m", "sp"])


def test_reanalysis_of_many_hours_is_no_mixture() -> None:
    out = together([field("t2m", 0, init=INIT + hours(n), analysis=True) for n in range(4)], ["t2m"])
    assert out.fields.sizes["step"] == 4
    assert out.init == INIT


def test_reanalysis_among_forecasts_is_refused() -> None:
    fields = [field("t2m", 6), field("t2m", 6, init=INIT + hours(12)), field("sp", 0, analysis=True)]
    with pytest.raises(MixedCycles):
        together(fields, ["t2m", "sp"])


def test_two_different_fields_for_one_time_are_refused_and_a_copy_is_not() -> None:
    assert together([field("t2m"), field("t2m")], ["t2m"]).fields.sizes["step"] == 1
    with pytest.raises(MixedCycles, match="two different t2m fields valid at 2026-11-22T06"):
        together([field("t2m"), field("t2m", value=281.0)], ["t2m"])


def test_hole_is_refused_with_variable_lead_time_and_place() -> None:
    holed = np.full((5, 6), 280.0)
    holed[1, 2] = np.nan
    with pytest.raises(CorruptField) as refused:
        together([field("t2m", 6, holed)], ["t2m"])
    for part in ("t2m", "2026-11-22T00 +6 h", "1 of 30", "33.75N 108.5E"):
        assert part in str(refused.value)


def test_hole_outside_the_target_does_no_harm() -> None:
    holed = np.full((5, 6), 280.0)
    holed[0, 0] = np.nan
    inner = GRID.extended(-1, 0, -1, 0)
    out = assemble(Scan([field("t2m", 6, holed)]), lambda _: inner, ["t2m"], ["t2m"])
    assert out.grid == inner
    np.testing.assert_allclose(out.load().t2m, 280.0)


def test_field_without_any_value_is_refused() -> None:
    with pytest.raises(CorruptField, match="every value is missing"):
        together([field("t2m", 6, np.nan)], ["t2m"])


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("t2m", 15.0, "°C labelled as K"),
        ("d2m", -30.0, "°C labelled as K"),
        ("sp", 950.0, "hPa labelled as Pa"),
        ("msl", 1013.0, "hPa labelled as Pa"),
        ("tp", 12.0, "mm labelled as m"),
        ("t2m", 400.0, "damaged or mislabelled"),
        ("u10", 150.0, "damaged or mislabelled"),
        ("msl", 0.0, "damaged or mislabelled"),
        ("tp", -0.01, "damaged or mislabelled"),
        ("v10", float("inf"), "every value is missing"),
    ],
)
def test_value_that_is_not_physical_is_refused_with_a_hint(name: str, value: float, hint: str) -> None:
    with pytest.raises(CorruptField) as refused:
        together([field(name, 6, value)], [name])
    assert hint in str(refused.value)
    assert f"({name} +6 h)" in str(refused.value)
    assert "2026-11-22T00 +6 h" in str(refused.value)


def test_reanalysis_is_named_by_its_valid_time() -> None:
    with pytest.raises(CorruptField, match="2026-11-22T06: values 15"):
        together([field("t2m", 6, 15.0, analysis=True)], ["t2m"])


@pytest.mark.parametrize("name", [n for n, v in VARIABLES.items() if not v.amount and v.jump < v.high - v.low])
def test_spike_inside_the_physical_range_is_refused_with_its_place(name: str) -> None:
    variable = VARIABLES[name]
    low = variable.high - 1.2 * variable.jump
    spiked = np.full((5, 6), low)
    spiked[3, 4] = low + 1.1 * variable.jump
    with pytest.raises(CorruptField, match=rf"a north-south jump of .* at 33\.\d+N 109E \(at most {variable.jump:g}\)"):
        together([field(name, 6, spiked)], [name])
    spiked[3, 4] = low + 0.9 * variable.jump
    together([field(name, 6, spiked)], [name])


def test_spike_between_columns_is_found_as_well() -> None:
    stripes = np.tile(np.where(np.arange(6) < 3, 230.0, 300.0), (5, 1))
    with pytest.raises(CorruptField, match=r"a west-east jump of 70 K at 34N 108\.5E"):
        together([field("t2m", 6, stripes)], ["t2m"])


def test_surface_pressure_labelled_as_that_at_sea_level_is_called_so_and_read_under_its_name() -> None:
    hills = 101_000.0 - 5200.0 * (np.arange(30).reshape(5, 6) % 7 == 3) - 400.0 * (np.arange(30).reshape(5, 6) % 5)
    with pytest.raises(CorruptField, match=r"looks like surface pressure .*: name it surface_pressure or sp"):
        together([field("msl", 6, hills)], ["msl"])
    assert "sp" in together([field("sp", 6, hills)], ["sp"]).fields


def test_coarser_grids_may_jump_further() -> None:
    coarse = Grid(34.0, 108.0, 1.0, 1.0, 5, 6)
    spiked = np.full((5, 6), 230.0)
    spiked[3, 4] = 230.0 + 1.5 * VARIABLES["t2m"].jump
    together([field("t2m", 6, spiked, grid=coarse)], ["t2m"])


def test_wanted_but_absent_is_told_and_required_but_absent_is_refused() -> None:
    out = together([field("t2m"), field("sp")], ["t2m", "d2m", "sp"], required=["t2m"])
    assert out.absent == ["d2m"]
    assert list(out.fields.data_vars) == ["t2m", "sp"]
    names, given = ["t2m", "d2m", "sp"], Scan([field("t2m"), field("sp")])
    with pytest.raises(
        MissingField,
        match=r"d2m not in .*\(found: t2m, sp\); .*`required: \[t2m, sp\]` in the region's",
    ):
        assemble(given, lambda grid: grid, names, ["t2m", "d2m"], document="the region's YAML")
    with pytest.raises(MissingField, match=r"d2m not in .*\(found: t2m, sp\); fetch them, or --variables t2m,sp$"):
        assemble(given, lambda grid: grid, names, ["t2m", "d2m"])


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(MissingField, match="none of t2m, sp"):
        together([], ["t2m", "sp"], required=[])


def test_fields_on_two_grids_are_refused() -> None:
    with pytest.raises(BadInput, match="unlike the fields before it"):
        together([field("t2m"), field("sp", grid=GRID.extended(0, 1, 0, 0))], ["t2m", "sp"])


def test_sources_on_two_grids_meet_on_the_target() -> None:
    scan = Scan([field("t2m"), field("sp", grid=GRID.extended(0, 1, 0, 0))])
    out = assemble(scan, lambda _: GRID, ["t2m", "sp"], ["t2m"])
    assert out.grid == GRID
    assert {n: f.shape for n, f in out.load().data_vars.items()} == {"t2m": (1, 5, 6), "sp": (1, 5, 6)}


def test_the_shipped_cycle_assembles_whole() -> None:
    names = list(TRAINED)
    with scanned([DEMO_GRIB], set(names)) as scan:
        out = together(scan.headers, names)
    assert list(out.fields.data_vars)[:7] == names
    assert bounds(out) == [[0, 8]]
    assert not any(np.isnan(out.fields[n]).any() for n in names)
