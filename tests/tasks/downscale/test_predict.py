"""Tiles, seams and limits: the pieces are the whole, the globe closes, physics holds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from models.downscaler import Downscaler
from models.geometry import subdivide
from models.limits import deviations
from models.operator import CELL_MEANS, ERA5, IFS, MEANS, Operator, Seen, cell_km
from models.statistics import Statistics, VariableStatistics
from models.training.methods import build
from tasks.downscale.fields import coarse_fields, downscale_fields, interpolate_fields
from tasks.downscale.limits import PlanLimits
from tasks.downscale.methods import interpolation
from tasks.downscale.predict import make_plan, seen_by, statics_of, super_resolve
from tasks.downscale.tiles import borders, tiles
from tasks.errors import BadInput, ModelMismatch
from tasks.grids.cell_means import observed
from tasks.grids.grid import Grid, lattice
from tasks.handover.prepared import Prepared, StaticFields
from tasks.handover.shards import blocks
from tasks.packages import names, open_package
from tasks.prepare.terrain import margin_for
from tests.models.laws import law

VARIABLES = ("t2m", "d2m", "u10", "v10", "tp")


def network() -> Downscaler:
    """A small network with random weights everywhere, also in the head, and a short reach."""
    torch.manual_seed(5)
    laws = {
        "t2m": VariableStatistics(280.0, 15.0, law(0.3, 0.8)),
        "d2m": VariableStatistics(275.0, 15.0, law(0.3, 0.8)),
        "u10": VariableStatistics(0.0, 5.0, law(0.2, 0.9)),
        "v10": VariableStatistics(0.0, 5.0, law(0.2, 0.9)),
        "tp": VariableStatistics(1.0, 1.2, law(2e-4, 0.6), amount=True),
    }
    sizes = {"channels": 8, "blocks": 2, "aggregate_every": 2, "hidden": 16, "heads": 2, "terrain_channels": 4}
    model = build("inr", Statistics(laws), sizes).eval()
    assert isinstance(model, Downscaler)
    torch.nn.init.normal_(model.network.head.last.weight, std=0.2)
    # of fields as rough as these the regression's predictors are tens of sigmas
    torch.nn.init.normal_(model.regression.coefficients, std=0.01)
    return model


def prepared(
    grid: Grid, target: Grid | None = None, steps: int = 1, seed: int = 0, operator: Operator = CELL_MEANS
) -> Prepared:
    """Rough seeded fields on a grid, with statics if a target is given."""
    rng = np.random.default_rng(seed)
    shape = (steps, grid.rows, grid.cols)
    t2m = rng.normal(280, 8, shape)
    fields = {
        "t2m": t2m,
        "d2m": t2m - rng.exponential(1.0, shape),
        "u10": rng.normal(0, 5, shape),
        "v10": rng.normal(0, 5, shape),
        "tp": np.maximum(rng.normal(0, 2e-3, shape), 0),
    }
    hours = np.arange(1, steps + 1).astype("timedelta64[h]").astype("timedelta64[ns]")
    coords = {"step": hours, "latitude": grid.latitude, "longitude": grid.longitude}
    ds = xr.Dataset({n: (("step", "latitude", "longitude"), f.astype(np.float32)) for n, f in fields.items()}, coords)
    start = np.datetime64(datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None), "ns")
    ds = ds.assign_coords(time=start, valid_time=("step", start + hours))
    statics = None
    if target is not None:
        rows, cols = target.axes_in(grid)
        margin = margin_for(max(rows.scale, cols.scale))
        wide = (target.rows + 2 * margin, target.cols + 2 * margin)
        draw = lambda shape: {  # noqa: E731
            "height": rng.uniform(0, 200, shape).astype(np.float32),
            "land": rng.uniform(0, 1, shape).astype(np.float32),
        }
        statics = StaticFields(draw((grid.rows, grid.cols)), draw(wide), margin)
    return Prepared(ds, grid, operator, statics)


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 60), st.integers(5, 60), st.floats(1, 6), st.floats(1, 6), st.integers(1, 40), st.integers(0, 9))
def test_tiles_cover_every_query_once_and_hold_their_halo(
    height: int, width: int, sy: float, sx: float, size: int, halo: int
) -> None:
    rows, cols = subdivide(height, sy), subdivide(width, sx)
    seen = np.zeros((len(rows), len(cols)), dtype=int)
    for t in tiles(rows, cols, height, width, size=size, halo=halo):
        seen[t.rows, t.cols] += 1
        assert t.rows.stop - t.rows.start <= size
        assert t.cols.stop - t.cols.start <= size
        for axis, queries, window, n in (
            (rows, t.rows, t.window_rows, height),
            (cols, t.cols, t.window_cols, width),
        ):
            nearest = axis.part(queries.start, queries.stop).nearest(n)
            assert window.start <= max(nearest[0] - halo, 0)
            assert window.stop >= min(nearest[-1] + halo + 1, n)
    assert (seen == 1).all()


@pytest.mark.parametrize(("dlat", "dlon"), [(0.1, 0.1), (0.125, 0.05), (0.07, 0.11)])
@pytest.mark.parametrize("operator", [CELL_MEANS, IFS, ERA5])
def test_tiled_equals_whole(operator: Operator, dlat: float, dlon: float) -> None:
    grid = Grid(40.0, 100.0, 0.25, 0.25, 40, 44)
    target = Grid(38.0, 102.0, dlat, dlon, 60, 70)
    model, data = network(), prepared(grid, target, operator=operator)
    halo = model.reach
    whole = make_plan(grid, target, operator, halo=halo, reach=halo, tile=10_000)
    pieces = make_plan(grid, target, operator, halo=halo, reach=halo, tile=17)
    assert (len(whole.tiling), len(pieces.tiling) > 12) == (1, True)
    coarse = coarse_fields(data, list(VARIABLES), slice(0, 1), whole)
    seen = seen_by(whole, operator)
    assert seen == seen_by(pieces, operator)
    a = super_resolve(model, list(VARIABLES), coarse, statics_of(data, whole), whole, seen)
    b = super_resolve(model, list(VARIABLES), coarse, statics_of(data, pieces), pieces, seen)
    for name in VARIABLES:
        assert np.abs(a[name] - b[name]).max() <= 1e-5 * max(1.0, np.abs(a[name]).max())


def test_tile_borders_are_where_new_tiles_start() -> None:
    tiling = tiles(subdivide(10, 3), subdivide(10, 2), 10, 10, size=12, halo=2)
    assert borders(tiling) == ([10, 20], [10])


def globe(rows: int = 46, cols: int = 90) -> Grid:
    return Grid(90.0, -180.0, 180.0 / (rows - 1), 360.0 / cols, rows, cols)


def test_globe_has_no_seam_at_the_date_line_or_anywhere() -> None:
    grid = globe()
    target = Grid(88.0, -180.0, 2.0, 2.0, 89, 180)
    model, data = network(), prepared(grid)
    rolled = {n: np.roll(f.values, 37, axis=2) for n, f in data.fields.items()}
    turned = Prepared(data.fields.copy(data=rolled), grid, data.operator, None)
    plan = make_plan(grid, target, data.operator, halo=model.reach, reach=model.reach, tile=64)
    a = downscale_fields(data, plan, model, list(VARIABLES))
    b = downscale_fields(turned, plan, model, list(VARIABLES))
    for name in VARIABLES:  # where the map is cut open must not matter
        shift = np.roll(a[name].values, 74, axis=2)
        assert np.abs(shift - b[name].values).max() <= 1e-4 * max(1.0, np.abs(shift).max())


def test_blocks_of_a_globe_are_the_whole_across_the_date_line() -> None:
    grid = globe()
    target = Grid(60.0, -180.0, 1.0, 1.0, 121, 360)  # away from the poles, which corrections do not cross
    model, data = network(), prepared(grid)
    whole = downscale_fields(
        data, make_plan(grid, target, data.operator, halo=model.reach, reach=model.reach), model, list(VARIABLES)
    )
    for block in blocks(target.rows, target.cols, 121, 90):
        plan = make_plan(grid, target, data.operator, halo=model.reach, reach=model.reach, block=block)
        part = downscale_fields(data, plan, model, list(VARIABLES))
        for name in ("t2m", "u10", "v10"):
            right = whole[name].values[:, block.rows, block.cols]
            assert np.abs(part[name].values - right).max() < 0.02 * right.std(), (name, block)


def test_fields_continue_over_the_poles() -> None:
    grid = globe()
    lat, lon = np.meshgrid(np.deg2rad(grid.latitude), np.deg2rad(grid.longitude), indexing="ij")
    # a temperature linear in Cartesian coordinates, and the u, v of a uniform flow across the pole
    smooth = 280 + 20 * np.cos(lat) * np.cos(lon) + 10 * np.sin(lat)
    u, v = -5 * np.sin(lon), -5 * np.sin(lat) * np.cos(lon)
    data = prepared(grid)
    for name, field in (("t2m", smooth), ("u10", u), ("v10", v)):
        data.fields[name].values[0] = field
    target = Grid(89.0, -179.0, 2.0, 2.0, 90, 180)
    method = interpolation("bicubic-conservative")
    plan = make_plan(grid, target, data.operator, halo=method.reach, reach=method.reach)
    fine = interpolate_fields(data, plan, method)
    lat, lon = np.meshgrid(np.deg2rad(target.latitude), np.deg2rad(target.longitude), indexing="ij")
    wanted = {
        "t2m": 280 + 20 * np.cos(lat) * np.cos(lon) + 10 * np.sin(lat),
        "u10": -5 * np.sin(lon),
        "v10": -5 * np.sin(lat) * np.cos(lon),
    }
    for name, field in wanted.items():
        assert np.abs(fine[name].values[0] - field).max() < 0.02


@pytest.mark.parametrize("spacing", [0.05, 0.07, 0.1, 0.125, 0.2, 0.25])
def test_limits_hold_and_the_product_averages_to_its_input(spacing: float) -> None:
    """Also where the target's cells straddle the edges of the input's, and for rain with dry places."""
    grid = Grid(40.0, 100.0, 0.25, 0.25, 40, 44)
    target = lattice(37.1, 33.4, 103.1, 107.6, spacing)
    model, data = network(), prepared(grid, target, steps=2)
    plan = make_plan(grid, target, data.operator, halo=model.reach, reach=model.reach)
    coarse = coarse_fields(data, list(VARIABLES), slice(0, 2), plan)
    seen = seen_by(plan, data.operator)
    fine = super_resolve(model, list(VARIABLES), coarse, statics_of(data, plan), plan, seen)
    assert (fine["d2m"] > fine["t2m"]).any(), "the raw network breaks a limit, or this test shows nothing"
    assert (fine["tp"] < 0).any()
    limits = PlanLimits(plan, data.operator)
    held = limits.hold(fine, coarse, [deviations({n: c[i] for n, c in coarse.items()}) for i in range(2)])
    assert (held["d2m"] <= held["t2m"]).all()
    assert (held["tp"] >= 0).all()
    for name, field in fine.items():  # `hold` works on the whole cells of plan.work in place
        # Random weights drive half of all dew points above the temperature, and rain falls in every other cell: where
        # a dry cell and a wet one share target cells, there may be no rain that gives both their means.
        allowed = {"d2m": 0.05, "tp": 2e-3 if spacing in (0.05, 0.25) else 0.02}
        if name != "tp" or spacing != 0.2:
            assert limits.means.error(field, limits.near(coarse[name])) < allowed.get(name, 1e-3), name
    assert held["t2m"].shape == (2, target.rows, target.cols)


@pytest.mark.parametrize("spacing", [0.05, 0.125])
def test_an_interpolated_product_of_samples_is_its_input_at_the_input_s_points(spacing: float) -> None:
    grid, target = Grid(40.0, 100.0, 0.25, 0.25, 40, 44), lattice(37.0, 33.5, 103.0, 107.5, spacing)
    data, method = prepared(grid, operator=IFS), interpolation("bicubic")
    plan = make_plan(grid, target, data.operator, halo=method.reach, reach=method.reach)
    fine, read = interpolate_fields(data, plan, method), observed(target, grid, IFS)
    for name in VARIABLES:
        assert read.error(fine[name].values, data.fields[name].values) < 1e-5, name
    assert read(fine["t2m"].values).shape == (1, 15, 19)


def test_what_is_asked_for_is_a_field_of_the_input_s_own_footprint() -> None:
    coarse, km = Grid(40.0, 100.0, 0.25, 0.25, 40, 44), cell_km(0.25, 0.25)

    def seen(spacing: float, operator: Operator) -> Seen:
        target = lattice(37.0, 34.0, 103.0, 107.0, spacing)
        return seen_by(make_plan(coarse, target, operator, halo=2, reach=2), operator)

    assert seen(0.05, CELL_MEANS) == MEANS
    assert seen(0.05, IFS) == seen(0.2, IFS) == IFS.on(km)
    assert seen(0.02, ERA5) == seen(0.25, ERA5) == ERA5.on(km)


def test_absent_variables_are_left_out() -> None:
    grid = Grid(40.0, 100.0, 0.25, 0.25, 30, 30)
    target = Grid(38.0, 102.0, 0.1, 0.1, 20, 20)
    model, data = network(), prepared(grid)
    data = Prepared(data.fields[["t2m", "tp"]], grid, data.operator, None)
    plan = make_plan(grid, target, data.operator, halo=8, reach=model.reach)
    assert list(downscale_fields(data, plan, model, list(VARIABLES)).data_vars) == ["t2m", "tp"]


def test_unknown_packages_and_methods_are_refused() -> None:
    with pytest.raises(ModelMismatch, match="inr-hres"):
        open_package("nothing-here")
    with pytest.raises(BadInput, match="bicubic-conservative"):
        interpolation("nearest")
    assert "inr-hres" in names()
