"""Packs of training and evaluation data: what goes in comes out, on real files nothing held out is usable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from models.statistics import VARIABLES
from models.training.data import MISSING, Box, Dataset, load
from tasks.datasets.evaluation import REGIONS, evaluation_sets
from tasks.datasets.training import (
    MONTHS,
    SPLIT,
    east_of_dateline,
    encode,
    of_model,
    pack,
    statics_0p1,
    statics_0p25,
    training_sets,
    with_statics,
)
from tests.conftest import ROOT

# where training_sets' HRES file is NaN though no box is held out there: the west of North America (README of the data)
AMERICA = Box(50, 28, -127, -98)


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e5), st.integers(0, 99))
def test_fields_come_back_within_half_a_step_of_int16(middle: float, spread: float, seed: int) -> None:
    field = np.random.default_rng(seed).normal(middle, spread, (3, 8, 9))
    coded, scale, offset = encode(field)
    assert coded.dtype == np.int16
    assert scale <= np.ptp(field) / 64000, "the whole range of int16 is used"
    assert np.abs(coded * scale + offset - field).max() <= scale * 0.5001
    assert not (coded == MISSING).any()


def test_missing_values_have_a_code_of_their_own() -> None:
    field = np.linspace(-3.0, 9.0, 24).reshape(4, 6)
    field[1, 2] = field[3, 5] = np.nan
    coded, scale, offset = encode(field)
    assert ((coded == MISSING) == np.isnan(field)).all()
    known = np.isfinite(field)
    np.testing.assert_allclose((coded * scale + offset)[known], field[known], atol=scale / 2 * 1.0001)


def test_a_field_of_one_value_is_exact() -> None:
    coded, scale, offset = encode(np.full((4, 6), 273.15))
    assert (coded * scale + offset == 273.15).all()


def grid(north: float, west: float, spacing: float, height: int, width: int) -> dict[str, np.ndarray]:
    return {"latitude": north - spacing * np.arange(height), "longitude": west + spacing * np.arange(width)}


def small_sets() -> dict[str, xr.Dataset]:
    """One set with three times in an odd order of dimensions, one without time, each with statics."""
    rng = np.random.default_rng(0)
    space = ("latitude", "longitude")
    static = {"z": (space, rng.uniform(0, 3000, (9, 12))), "land": (space, rng.uniform(0, 1, (9, 12)))}
    series = {
        "t2m": (("latitude", "time", "longitude"), rng.normal(280, 9, (9, 3, 12))),
        "tp": (("time", *space), rng.exponential(1e-3, (3, 9, 12))),
    }
    gap = rng.normal(280, 9, (9, 12))
    gap[2, 3] = np.nan
    one = xr.Dataset(series | static, coords=grid(50.0, -7.0, 0.25, 9, 12))
    other = xr.Dataset({"d2m": (space, gap)} | static, coords=grid(10.0, 100.0, 0.1, 9, 12))
    return {"series": of_model(one, 31.0), "single": of_model(other, 9.0)}


def test_a_pack_holds_what_was_packed(tmp_path: Path) -> None:
    sets = small_sets()
    pack(sets, tmp_path / "pack.npz")
    found = load(tmp_path / "pack.npz", ())
    assert list(found) == ["series", "single"]
    series, single = found["series"], found["single"]
    assert (series.times, single.times) == (3, 1)
    assert (series.variables, single.variables) == (["t2m", "tp"], ["d2m"])
    assert (series.north, series.west, series.spacing) == (50.0, -7.0, 0.25)
    assert (single.north, single.west, single.spacing) == (10.0, 100.0, 0.1)
    assert (series.footprint, single.footprint) == (31.0, 9.0)
    assert single.cell == pytest.approx(11.12, abs=0.01)
    for name, dataset in found.items():
        for variable, field in sets[name].data_vars.items():
            for time in range(dataset.times):
                want = field.isel(time=time) if "time" in field.dims else field
                want = want.transpose("latitude", "longitude").values[2:7, 3:11]
                got = dataset.window(str(variable), time, 2, 3, 5, 8)
                known = np.isfinite(want)
                step = np.nanmax(np.abs(field.values)) * 2**-16  # no field here has a wider range than its values
                np.testing.assert_allclose(got[known], want[known], atol=step, rtol=1e-6)
    assert series.usable.all()
    assert np.argwhere(~single.usable).tolist() == [[2, 3]]
    north_west = load(tmp_path / "pack.npz", (Box(50.1, 49.5, -10, -6.5),))["series"]
    assert np.argwhere(~north_west.usable).tolist() == [[i, j] for i in range(3) for j in range(3)]


def test_a_pack_is_read_with_numpy_alone(tmp_path: Path) -> None:
    """So that it can travel to a machine that has torch and nothing else, or not even that."""
    pack(small_sets(), tmp_path / "pack.npz")
    code = (
        "import sys, pathlib\n"
        "for name in ('torch', 'xarray', 'scipy', 'pandas', 'netCDF4', 'eccodes'): sys.modules[name] = None\n"
        "from models.training.data import load\n"
        f"found = load(pathlib.Path({str(tmp_path / 'pack.npz')!r}))\n"
        "print(found['series'].times, found['single'].shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[0] == "3 (9, 12)", done.stderr


def test_longitudes_east_of_the_dateline_move_with_their_columns() -> None:
    ds = xr.Dataset(
        {"z": (("latitude", "longitude"), np.arange(8.0).reshape(2, 4))},
        coords={"latitude": [1.0000001, 0.0], "longitude": [0.0, 90.0, 180.0, 269.9999999]},
    )
    moved = east_of_dateline(ds)
    assert moved.longitude.values.tolist() == [-180.0, -90.0, 0.0, 90.0]
    assert moved.latitude.values.tolist() == [1.0, 0.0]
    assert moved.z.values[0].tolist() == [2.0, 3.0, 0.0, 1.0]


def test_statics_are_those_of_the_fields_own_points() -> None:
    statics = xr.Dataset(
        {n: (("latitude", "longitude"), np.arange(30.0).reshape(5, 6)) for n in ("z", "land")},
        coords=grid(52.0, 0.0, 1.0, 5, 6),
    )
    fields = xr.Dataset({"t2m": (("latitude", "longitude"), np.zeros((2, 3)))}, coords=grid(51.0, 2.0, 1.0, 2, 3))
    assert with_statics(fields, statics).z.values.tolist() == [[8.0, 9.0, 10.0], [14.0, 15.0, 16.0]]
    with pytest.raises(KeyError):
        with_statics(fields.assign_coords(longitude=fields.longitude + 0.5), statics)


def value(dataset: Dataset, name: str, latitude: float, longitude: float) -> float:
    top, left, height, width = dataset.box(Box(latitude, latitude, longitude, longitude))
    assert (height, width) == (1, 1)
    return float(dataset.window(name, 0, top, left, 1, 1)[0, 0])


def on_grid(dataset: Dataset, latitude: float, longitude: float) -> bool:
    return dataset.box(Box(latitude, latitude, longitude, longitude))[2:] == (1, 1)


FINE = {"hres", "hres-july", "icon-d2", "icon-eu"}
COARSE = {"era5-hour", "era5-month", "era5-europe-africa", "era5-maritime"}
COARSE |= {f"{name}-{part}" for name in ("ifs-july", "ifs-tp") for part in range(3)}
Real = tuple[dict[str, xr.Dataset], dict[str, Dataset]]


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """The real training data before and after; compressed it would take a minute."""
    sets, out = training_sets(shared_data), tmp_path_factory.mktemp("real") / "pack.npz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "savez_compressed", np.savez)
        pack(sets, out, SPLIT)
    return sets, load(out)


def test_nothing_held_out_is_usable_in_any_real_set(real: Real) -> None:
    _, packed = real
    assert set(packed) == FINE | COARSE
    seen = 0
    for dataset in packed.values():
        for box in SPLIT.boxes:
            top, left, height, width = dataset.box(box)
            seen += height * width
            assert not dataset.usable[top : top + height, left : left + width].any()
        assert dataset.usable.mean() > 0.8, "and nearly everything else is"
    assert seen > 100_000
    top, left, height, width = packed["hres"].box(AMERICA)
    assert (height, width) == (221, 291)
    assert not packed["hres"].usable[top + 1 : top + height - 1, left + 1 : left + width - 1].any()


def test_real_grids_run_south_and_east(real: Real) -> None:
    sets, packed = real
    for name, ds in sets.items():
        spacing = packed[name].spacing
        assert spacing == (0.125 if name == "hres-july" else 0.1 if name in FINE else 0.25)
        assert packed[name].footprint == 31.0 if name.startswith("era5") else 7 <= packed[name].footprint <= 16, name
        assert np.diff(ds.latitude.values) == pytest.approx(-spacing)
        assert np.diff(ds.longitude.values) == pytest.approx(spacing)
    assert packed["hres"].variables == list(VARIABLES)
    assert packed["era5-month"].times == len(MONTHS)


def test_real_fields_and_statics_lie_where_they_belong(real: Real) -> None:
    sets, packed = real
    places = {(28.0, 87.0): (3500, 9000, 1.0), (15.0, -30.0): (-100, 100, 0.0), (48.0, 12.0): (300, 800, 1.0)}
    places |= {(0.0, 114.0): (50, 1500, 1.0), (24.0, 12.0): (400, 1500, 1.0)}  # Borneo, Sahara
    checked = 0
    for name, dataset in packed.items():
        for (latitude, longitude), (low, high, land) in places.items():
            if on_grid(dataset, latitude, longitude):
                checked += 1
                assert low < value(dataset, "z", latitude, longitude) < high, (name, latitude, longitude)
                assert value(dataset, "land", latitude, longitude) == pytest.approx(land, abs=0.02)
        for variable in dataset.variables:
            point = {"latitude": dataset.north - 7, "longitude": dataset.west + 9}
            field = sets[name][variable].sel(point, method="nearest", tolerance=0.01)
            want = float(field.isel(time=0) if "time" in field.dims else field)
            step = dataset.scale[variable]
            assert value(dataset, variable, *point.values()) == pytest.approx(want, abs=0.51 * step, rel=1e-6)
    assert checked > 12


def test_real_statics_are_known_everywhere(shared_data: Path) -> None:
    fine, coarse = statics_0p1(shared_data / "static"), statics_0p25(shared_data / "static")
    for statics in (fine, coarse):
        assert not any(bool(statics[n].isnull().any()) for n in ("z", "land"))
        assert float(statics.land.sel(latitude=-80, longitude=100, method="nearest")) == 1, "Antarctica"
        assert 8000 > float(statics.z.max()) > 5500
    assert (fine.sizes["latitude"], coarse.sizes["latitude"]) == (1801, 721)


# lowest and highest value that weather has where these are scored: K, K, m/s, m/s, Pa, Pa, m
PLAUSIBLE = {
    "t2m": (220, 325),
    "d2m": (210, 310),
    "u10": (-40, 40),
    "v10": (-40, 40),
    "sp": (45_000, 107_000),
    "msl": (92_000, 108_000),
    "tp": (0, 0.5),
    "z": (-200, 6500),
    "land": (0, 1),
}


def test_methods_are_scored_on_what_is_named_and_in_our_units(shared_data: Path) -> None:
    sets = evaluation_sets(shared_data)
    found = {name: [v for v in ds.data_vars if v not in ("z", "land")] for name, ds in sets.items()}
    forecasts = {"ifs-t2m": ["t2m"], "ifs-scda": ["t2m", "msl"], "ifs-july": ["t2m"], "ifs-tp": ["tp"]}
    trained = {"ifs-july", "ifs-tp"}  # so scored in the places alone that training leaves out
    assert found == {
        "hres-test": list(VARIABLES),
        "arpege-nw": found["arpege-nw"],
        "era5-china": ["t2m", "d2m", "sp", "tp"],
        "era5-uk": ["t2m"],
        "era5-hour-asia": ["t2m"],
        "era5-hour-china": ["t2m"],
        "era5-maritime-east": ["u10", "v10"],
    } | {
        f"{name}-{region}": variables
        for name, variables in forecasts.items()
        for region in REGIONS
        if name not in trained or region in ("andes", "alps", "china")
    }
    assert set(found["arpege-nw"]) <= set(VARIABLES)
    assert len(found["arpege-nw"]) >= 5
    for name, ds in sets.items():
        assert (np.diff(ds.latitude.values) < 0).all(), name
        assert (np.diff(ds.longitude.values) > 0).all(), name
        for variable, field in ds.data_vars.items():
            low, high = PLAUSIBLE[str(variable)]
            assert low <= float(field.min()) < float(field.max()) <= high, (name, variable)
            assert not field.isnull().any(), (name, variable)
        if "tp" in ds:
            assert float(ds.tp.max()) > 1e-3, f"{name}: rain in m, not in mm or m/s"
    assert sets["era5-uk"].sizes["time"] == 24
    assert len(np.unique(sets["era5-uk"].time.values.astype("datetime64[h]").astype(int) % 24)) == 24
    assert sets["era5-china"].sizes["time"] == 10
