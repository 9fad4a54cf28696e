"""Fields that cannot be true together are refused; what weather does is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from benchmarks.runs.damage import messages, spoiled, values_of
from tasks.errors import CorruptField
from tasks.handover.prepared import DOUBT
from tasks.prepare import prepare_files
from tasks.prepare.agreement import disagreement, doubts
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.consistency import findings
from tasks.prepare.decode import Scan
from tasks.prepare.earlier import Earlier
from tasks.prepare.measures import alone, outside, unevenness
from tasks.prepare.steadiness import jumps
from tasks.region import search
from tests.conftest import DEMO_GRIB, TRUTH
from tests.tasks.prepare.test_assemble import GRID, TYPICAL, field
from tests.tasks.prepare.test_assemble import INIT as INIT

LATITUDE = np.linspace(34, 30, 40)
STATES = [n for n in TYPICAL if n != "tp"]


def weather(seed: int = 0, rows: int = 40, cols: int = 60) -> dict[str, np.ndarray]:
    """Smooth fields with some noise, that agree with each other over the sea."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :cols] / 20
    phase = rng.random(6) * 6
    out = {n: TYPICAL[n] + s * np.sin(x + p) * np.cos(y + p) for n, s, p in zip(
        STATES, (5, 4, 5, 5, 300, 300), phase, strict=True)}  # fmt: skip
    out["d2m"] = np.minimum(out["d2m"], out["t2m"])
    noise = {n: rng.normal(0, s, (rows, cols)) for n, s in zip(STATES, (0.3, 0.2, 0.3, 0.3, 10, 10), strict=True)}
    out = {n: (f + noise[n]).astype(np.float32) for n, f in out.items()}
    return out | {"d2m": np.minimum(out["d2m"], out["t2m"])}


def test_outside_is_how_far_a_value_leaves_its_neighbours() -> None:
    values = np.zeros((5, 5))
    values[2, 2], values[0, 4] = 7.0, -3.0
    expected = np.zeros((5, 5))
    expected[2, 2], expected[0, 4] = 7.0, -3.0
    np.testing.assert_array_equal(outside(values), expected)
    coast = np.repeat([[0.0, 0.0, 20.0, 20.0]], 5, axis=0)
    np.testing.assert_array_equal(outside(coast), np.zeros((5, 4)))


def test_alone_counts_company_within_four_points_and_not_the_nearest() -> None:
    excess = np.zeros((20, 20))
    excess[10, 10] = 8.0
    assert alone(excess, 2.0)[10, 10] == 4.0
    excess[10, 14] = 2.0
    assert alone(excess, 2.0)[10, 10] == 2.0
    excess[10, 14], excess[10, 15], excess[11, 11] = 0.0, 2.0, 2.0
    assert alone(excess, 2.0)[10, 10] == 4.0


def test_unevenness_is_about_one_for_weather_whatever_the_latitude() -> None:
    rng = np.random.default_rng(0)
    for latitude in (0.0, 60.0):
        stretch = np.cos(np.deg2rad(latitude))
        y, x = np.mgrid[:60, :200] * np.array([1.0, stretch]).reshape(2, 1, 1)
        angles = np.linspace(0, np.pi, 24, endpoint=False)  # waves of one length in every direction
        f = sum(np.sin(0.3 * (np.cos(a) * x + np.sin(a) * y) + rng.random() * 6) for a in angles)
        assert np.median(unevenness(np.asarray(f), np.full(60, latitude), 0.0)) == pytest.approx(1.0, abs=0.35)
    assert unevenness(np.asarray(f), np.full(60, 89.0), 0.0).max() == 0
    rows = np.cumsum(rng.normal(0, 5, (60, 1)), axis=0) + np.zeros((60, 200))
    assert unevenness(rows, np.full(60, 30.0), 1.0).max() > 5


Spoiler = Callable[[dict[str, np.ndarray]], None]


def _point(name: str, by: float) -> Spoiler:
    def spoil(fields: dict[str, np.ndarray]) -> None:
        fields[name][20, 30] += by

    return spoil


def _rows(name: str, by: float) -> Spoiler:
    def spoil(fields: dict[str, np.ndarray]) -> None:
        fields[name][10:] += by * np.random.default_rng(1).normal(size=(30, 1))

    return spoil


SPOILED = {
    "dew point": (_point("d2m", 12.0), "a dew point above the temperature"),
    "temperature": (_point("t2m", 12.0), "a point unlike all around it"),
    "wind": (_point("v10", -20.0), "a point unlike all around it"),
    "sea-level pressure": (_point("msl", 1500.0), "a point unlike all around it"),
    "rows of wind": (_rows("u10", 15.0), "rows that do not follow each other"),
    "rows of pressure": (_rows("msl", 800.0), "rows that do not follow each other"),
}


@pytest.mark.parametrize(("spoil", "what"), SPOILED.values(), ids=list(SPOILED))
def test_what_no_weather_does_is_found(spoil: Spoiler, what: str) -> None:
    fields = weather()
    assert findings(fields, LATITUDE) == []
    spoil(fields)
    assert findings(fields, LATITUDE)[0].what == what


def test_a_mountain_and_the_eye_of_a_typhoon_are_no_damage() -> None:
    fields = weather()
    fields["sp"][20, 30] -= 12_000  # 1,000 m above the sea around it
    fields["t2m"][20, 30] -= 8
    fields["d2m"][20, 30] -= 9
    assert findings(fields, LATITUDE) == []
    fields = weather()
    r = np.hypot(*np.mgrid[-20:20, -30:30])
    for name in ("sp", "msl"):
        fields[name] -= (9000 * np.exp(-((r / 1.5) ** 2))).astype(np.float32)
    assert findings(fields, LATITUDE) == []


def test_a_lead_time_unlike_those_around_it_is_named_and_not_its_neighbours() -> None:
    for wrong in (0, 2, 4):
        series = [(3.0 * i, weather(i // 9)) for i in range(5)]
        assert jumps(series, LATITUDE) == []
        series[wrong][1]["t2m"][7, 9] += 15
        found = jumps(series, LATITUDE)
        assert found[0].index == wrong
        assert found[0].finding.variables == ("t2m",)


def test_lead_times_a_day_apart_say_nothing_of_each_other() -> None:
    series = [(24.0 * i, {n: f + 30 * (i % 2) for n, f in weather(i).items()}) for i in range(4)]
    assert jumps(series, LATITUDE) == []


def assembled(change: float = 0.0, leads: tuple[float, ...] = (3, 6, 9)) -> tuple[Assembled, xr.Dataset]:
    """Three lead times of temperature; one value at +6 h changed."""
    headers = []
    for lead in leads:
        values = np.full((GRID.rows, GRID.cols), 280.0, np.float32) + np.arange(GRID.cols, dtype=np.float32)
        values[2, 3] += change if lead == 6 else 0.0
        headers.append(field("t2m", lead, values))
    found = assemble(Scan(headers), lambda grid: grid, ["t2m"], ["t2m"])
    return found, found.load()


def test_the_error_names_message_cycle_place_and_remedy() -> None:
    assert disagreement(assembled()[1], assembled()[0]) == []
    found, fields = assembled(25.0)
    with pytest.raises(CorruptField) as refused:
        disagreement(fields, found)
    for part in ("file.grib2 (t2m +6 h), 2026-11-22T00 +6 h", "t2m 308 K", "33.5N 108.75E", ".sha256", "download"):
        assert part in str(refused.value)


def test_what_is_confirmed_is_doubted_and_used() -> None:
    found, fields = assembled(25.0)
    (doubt,) = disagreement(fields, found, confirmed=True)
    assert doubt.startswith(f"{DOUBT}file.grib2 (t2m +6 h)")
    assert doubt.endswith("its bytes are confirmed, so it is used")


@pytest.mark.fault("a GRIB message handed in differs grossly from the cycle before", "published as degraded, with why")
def test_what_the_cycle_before_has_otherwise_is_doubted_and_not_refused() -> None:
    found, fields = assembled()
    before = Earlier("ifs/2026-11-21T12", assembled()[1], found.grid)
    assert doubts(fields, found, before) == []
    wrong = assembled(20.0)[1]
    (line,) = doubts(fields, found, Earlier("ifs/2026-11-21T12", wrong, found.grid))
    assert line.startswith("input: file.grib2 (t2m +6 h)")
    assert "against ifs/2026-11-21T12 at the same valid time" in line
    assert doubts(fields, found, None) == []


@pytest.mark.fault("a wrong byte among a GRIB message's values", "if gross, refused: what, where, remedy")
def test_wrong_bytes_of_the_demo_are_refused_and_the_demo_is_not(tmp_path: Path) -> None:
    region = search.load("hubei")
    prepare_files([str(DEMO_GRIB)], region, 5)
    for packing, name, number in (("simple", "sp", 0), ("ccsds", "d2m", 0), ("ccsds", "msl", 0)):
        good = messages(packing)
        right = values_of(good[name])
        assert right is not None
        while True:
            message = spoiled(good[name], (number, 7))
            values = values_of(message)
            if values is not None and np.abs(values - right)[26:44, 33:65].max() > (10 if name == "d2m" else 2000):
                break
            number += 1
        file = tmp_path / f"{packing}-{name}.grib2"
        file.write_bytes(b"".join((good | {name: message}).values()))
        with pytest.raises(CorruptField):
            prepare_files([str(file)], region, 5)


def test_the_truth_of_the_demo_agrees() -> None:
    with xr.open_dataset(TRUTH) as whole:
        fields = {n: whole[n].values.squeeze() for n in STATES if n in whole}
        assert findings(fields, whole["latitude"].values) == []


@pytest.mark.parametrize(("spacing", "judged"), [(0.25, True), (0.5, False)])
def test_heights_are_judged_where_points_are_as_close_as_limits_were_measured(spacing: float, judged: bool) -> None:
    heights = np.random.default_rng(1).uniform(0, 1500, (20, 24))
    t2m = 288.0 - 0.0065 * heights
    sp = 101_300.0 * np.exp(-9.80665 * heights / (287.06 * (t2m + 0.00325 * heights)))
    sp[8, 9] *= 0.9
    fields = {"t2m": t2m, "msl": np.full(heights.shape, 101_300.0), "sp": sp}
    found = [f for f in findings(fields, 35.0 - spacing * np.arange(20), heights) if "no height joins" in f.what]
    assert [(f.row, f.col) for f in found] == ([(8, 9)] if judged else [])
