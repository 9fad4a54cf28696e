"""Each hard check fires on what it is for, and only then; truth scores are what a plain loop says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.observed import upward_weights
from models.operator import CELL_MEANS, IFS, Operator
from tasks.downscale.fields import downscale_fields
from tasks.downscale.predict import make_plan
from tasks.downscale.tiles import borders
from tasks.errors import ReadBackFailed
from tasks.grids.cell_means import cell_means
from tasks.grids.grid import Grid, canonical
from tasks.handover.prepared import Prepared
from tasks.handover.scorecard import TruthScore
from tasks.handover.shards import digest
from tasks.packages import open_package
from tasks.prepare import prepare_files
from tasks.region import search as regions
from tasks.region.limits import GateLimits
from tasks.store.packing import round_field
from tasks.validate.checks import check, seam_ratio
from tasks.validate.truth import Beside, beside_truth, fractions, score_against
from tests.conftest import DEMO_GRIB, TRUTH

COARSE = Grid(33.0, 110.0, 0.25, 0.25, 12, 14)
FINE = Grid(33.1, 109.9, 0.05, 0.05, 60, 70)


def product(seed: int = 0) -> tuple[xr.Dataset, xr.Dataset]:
    """A t2m product whose cell means are its input."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(285, 5, (1, 12, 14))
    noise = rng.normal(0, 1, (1, 12, 5, 14, 5))
    noise -= noise.mean(axis=(2, 4), keepdims=True)
    fine = (coarse[:, :, None, :, None] + noise).reshape(1, 60, 70)
    dims = ("step", "latitude", "longitude")
    coords = {"latitude": FINE.latitude, "longitude": FINE.longitude}
    return xr.Dataset({"t2m": (dims, fine.astype(np.float32))}, coords), xr.Dataset({"t2m": (dims, coarse)})


def failed(fine: xr.Dataset, coarse: xr.Dataset) -> set[str]:
    return {c.name for c in check(fine, FINE, coarse, COARSE, CELL_MEANS, GateLimits()) if not c.passed}


def test_a_good_product_passes_every_check() -> None:
    fine, coarse = product()
    assert failed(fine, coarse) == set()


@pytest.mark.parametrize(("off", "refused"), [(0.6, set()), (1.6, {"re-coarsening error"})])
def test_snowfall_may_differ_from_its_input_by_its_deviation_and_no_more(off: float, refused: set[str]) -> None:
    """Mountains have snow of which the input knows nothing; damage is further away. Rain has no such room."""
    coarse = np.random.default_rng(7).uniform(0.002, 0.01, (1, 12, 14)).astype(np.float32)
    moved = np.repeat(np.repeat(coarse + off * coarse.std() * np.sign(coarse - np.median(coarse)), 5, 1), 5, 2)
    dims, coords = ("step", "latitude", "longitude"), {"latitude": FINE.latitude, "longitude": FINE.longitude}
    for name, expected in (("sf", refused), ("tp", {"re-coarsening error"})):
        fine = xr.Dataset({name: (dims, np.maximum(moved, 0.0).astype(np.float32))}, coords)
        assert failed(fine, xr.Dataset({name: (dims, coarse)})) == expected


def test_an_overcast_sky_is_not_refused_for_what_rounding_takes_off_and_a_wrong_one_is() -> None:
    """Cloud between 0.9995 and 1 varies by less than the bits that a product keeps."""
    rng = np.random.default_rng(5)
    coarse = rng.uniform(0.9995, 1.0, (1, 12, 14)).astype(np.float32)
    fine = round_field("tcc", np.repeat(np.repeat(coarse, 5, 1), 5, 2))
    dims = ("step", "latitude", "longitude")
    given, made = xr.Dataset({"tcc": (dims, coarse)}), xr.Dataset({"tcc": (dims, fine)})
    found = {c.name: c for c in check(made, FINE, given, COARSE, IFS, GateLimits())}
    assert found["reading error"].passed
    made["tcc"] -= 0.02
    wrong = {c.name for c in check(made, FINE, given, COARSE, IFS, GateLimits()) if not c.passed}
    assert wrong == {"reading error"}


def test_a_product_that_does_not_read_back_by_value_is_refused() -> None:
    fine, coarse = product()
    right = {"t2m": [digest(fine["t2m"].values[0])], "input/t2m": [digest(coarse["t2m"].values[0])]}
    assert check(fine, FINE, coarse, COARSE, CELL_MEANS, GateLimits(), digests=right)
    fine["t2m"][0, 2, 3] += 1e-4
    with pytest.raises(ReadBackFailed, match="t2m at lead time 0"):
        check(fine, FINE, coarse, COARSE, CELL_MEANS, GateLimits(), digests=right)


def test_an_input_or_increments_that_do_not_read_back_by_value_are_refused() -> None:
    fine, coarse = product()
    added = xr.zeros_like(fine)
    right = {"t2m": [digest(fine["t2m"].values[0])], "input/t2m": [digest(coarse["t2m"].values[0])]}
    right["calibration/t2m"] = [digest(added["t2m"].values[0])]
    limits = GateLimits()
    assert check(fine, FINE, coarse, COARSE, CELL_MEANS, limits, digests=right, increments=added)
    added["t2m"][0, 2, 3] = 1e-4
    with pytest.raises(ReadBackFailed, match="calibration/t2m at lead time 0"):
        check(fine, FINE, coarse, COARSE, CELL_MEANS, limits, digests=right, increments=added)
    coarse["t2m"][0, 2, 3] = np.nan  # as a chunk that is gone is read
    with pytest.raises(ReadBackFailed, match="input/t2m at lead time 0"):
        check(fine, FINE, coarse, COARSE, CELL_MEANS, limits, digests=right)


def test_one_nan_fails() -> None:
    fine, coarse = product()
    fine["t2m"][0, 3, 3] = np.nan
    assert "finite share" in failed(fine, coarse)


def test_values_out_of_range_fail() -> None:
    fine, coarse = product()
    fine["t2m"][0, 3, 3], fine["t2m"][0, 4, 4] = 400.0, 100.0
    assert failed(fine, coarse) >= {"highest value", "lowest value"}


def test_a_constant_field_fails() -> None:
    fine, coarse = product()
    fine["t2m"][:] = 285.0
    assert "constant lead times" in failed(fine, coarse)


def test_a_shifted_product_fails_recoarsening() -> None:
    fine, coarse = product()
    fine["t2m"][:] = np.roll(fine["t2m"].values, 2, axis=2)
    assert failed(fine, coarse) == {"re-coarsening error"}


def test_a_product_of_samples_is_held_to_its_input_at_the_input_s_points() -> None:
    """Means of its cells are no check of it, and values between the points are its own."""
    fine, coarse = product()
    lattice = Grid(33.0, 110.0, 0.05, 0.05, 56, 66)  # every fifth of its points is one of the input's
    values = fine["t2m"].values[:, :56, :66] + 3.0
    values[:, ::5, ::5] = coarse["t2m"].values
    coords = {"latitude": lattice.latitude, "longitude": lattice.longitude}
    sampled = xr.Dataset({"t2m": (fine["t2m"].dims, values)}, coords)

    def failures(operator: Operator) -> set[str]:
        found = check(sampled, lattice, coarse, COARSE, operator, GateLimits())
        return {c.name for c in found if not c.passed}

    assert failures(IFS) == set()
    assert failures(CELL_MEANS) == {"re-coarsening error"}
    sampled["t2m"][:] = sampled["t2m"] + 2.0
    assert failures(IFS) == {"reading error"}


def test_recoarsening_error_is_the_added_error() -> None:
    fine, coarse = product()
    want = 0.5 / float(coarse["t2m"].values.std())
    assert cell_means(FINE, COARSE).error(fine["t2m"].values + 0.5, coarse["t2m"].values) == pytest.approx(want, 1e-3)


def test_a_step_at_a_tile_border_is_a_seam() -> None:
    rng = np.random.default_rng(0)
    field = rng.normal(0, 1, (80, 80)).cumsum(axis=0).cumsum(axis=1) / 20
    assert seam_ratio(field, [40], [40]) < 1.5
    stepped = field.copy()
    stepped[40:] += 10
    assert seam_ratio(stepped, [40], []) > 3
    mountains = field * np.where(np.abs(np.arange(field.shape[1]) - 40) < 20, 10, 1)
    assert seam_ratio(mountains, [], [40]) < 1.5, "a border across rough country is no seam"


@pytest.mark.parametrize(("overlap", "seams"), [(None, set()), (0, {"t2m", "d2m", "u10", "v10", "msl", "tp"})])
def test_tiles_that_do_not_see_beyond_their_border_leave_seams(overlap: int | None, seams: set[str]) -> None:
    """The demo in tiles of 32 points, as they should be and without any overlap; surface pressure is its terrain's."""
    region, package = regions.load("hubei"), open_package("inr-hres")
    method = package.load()
    _, prepared = prepare_files([str(DEMO_GRIB)], region, package.halo)
    reach = method.reach if overlap is None else overlap
    plan = make_plan(prepared.grid, region.target, prepared.operator, halo=package.halo, reach=reach, tile=32)
    product = downscale_fields(prepared, plan, method, package.variables)
    rows, cols = (
        [n - e for n in found if n > e] for found, e in zip(borders(plan.tiling), plan.edges[::2], strict=True)
    )
    found = {n for n in package.variables if seam_ratio(product[n].values[0], rows, cols) > GateLimits().seam}
    assert found == seams


def test_truth_scores_are_those_of_a_plain_loop() -> None:
    with xr.open_dataset(TRUTH) as truth:
        to_canonical = canonical(truth.latitude.values, truth.longitude.values, "truth")
        part = truth["t2m"].sel(latitude=slice(33.05, 29.95), longitude=slice(109.95, 113.05))
        target = Grid(33.0, 110.0, 0.1, 0.1, 31, 31)
        off = part.values + 0.25
    assert to_canonical.grid.dlat == pytest.approx(0.1)
    fine = xr.Dataset({"t2m": (("step", "latitude", "longitude"), off[None].astype(np.float32))})
    coarse_grid = Grid(34.0, 109.0, 0.25, 0.25, 22, 22)
    coarse = xr.Dataset({"t2m": (("step", "latitude", "longitude"), np.full((1, 22, 22), 280.0, np.float32))})
    found, spacing = beside_truth(Path(TRUTH), fine, target, Prepared(coarse, coarse_grid, IFS, None))
    assert spacing == pytest.approx(0.1)
    score = score_against(found)[0]
    assert score.product == pytest.approx(0.25, abs=2e-3)
    assert score.count == 31 * 31
    plain = float(np.sqrt(((part.values - 280) ** 2).mean()))
    assert [score.bilinear, score.bicubic] == pytest.approx([plain, plain], rel=1e-3)
    # no terrain is known, so nothing can be brought to its height; that has to go through JSON, which has no NaN
    assert TruthScore.model_validate_json(score.model_dump_json()) == score


def test_fractions_skill_score_is_one_for_the_truth_and_forgives_a_small_shift_in_larger_windows() -> None:
    rng = np.random.default_rng(1)
    truth = rng.gamma(2.0, 2.0, (40, 50))
    shifted = np.roll(truth, 1, axis=1)
    zero = np.zeros_like(truth)
    wind = {"u10": Beside(truth, {"product": truth, "bicubic": shifted, "bilinear": zero}),
            "v10": Beside(zero, dict.fromkeys(("product", "bicubic", "bilinear"), zero))}  # fmt: skip
    scores = [s for s in fractions(wind, 0.1) if s.threshold == 5.0]
    assert [s.window for s in scores] == [0.1, 0.3, 0.5]
    assert {s.product for s in scores} == {1.0}
    assert {s.bilinear for s in scores} == {0.0}
    assert scores[0].bicubic < scores[1].bicubic < scores[2].bicubic < 1
    # by hand at the point itself: 1 - mean square difference over the sum of both means of squares
    f, o = shifted >= 5, truth >= 5
    assert scores[0].bicubic == pytest.approx(1 - (f != o).mean() / (f.mean() + o.mean()))


def test_events_that_hardly_occurred_have_no_fractions_skill_score() -> None:
    calm = np.ones((20, 20))
    beside = Beside(calm, dict.fromkeys(("product", "bicubic", "bilinear"), calm))
    assert fractions({"u10": beside, "v10": beside}, 0.1) == []


def test_on_terrain_that_the_input_lacks_a_product_may_be_colder_and_no_more() -> None:
    """The gate takes both heights from the product and its input; without them the same fields are refused."""
    rng, steps = np.random.default_rng(11), ("step", "latitude", "longitude")
    fine_grid = Grid(COARSE.north, COARSE.west, 0.05, 0.05, 56, 66)
    bare, x = rng.uniform(0, 1500, (12, 14)), rng.normal(285, 3, (1, 12, 14))
    axes = [upward_weights(a, n) for a, n in zip(fine_grid.axes_in(COARSE), (12, 14), strict=True)]
    up = lambda field: axes[0] @ field @ axes[1].T  # noqa: E731
    ground = up(bare + rng.normal(0, 300, bare.shape))
    colder = lambda rate, x: (up(x[0]) - rate * (ground - up(bare)))[None].astype(np.float32)  # noqa: E731
    values = colder(0.0065, x)

    def failed(values: np.ndarray, heights: bool, x: np.ndarray = x) -> set[str]:
        product = xr.Dataset(
            {"t2m": (steps, values)}, {"latitude": fine_grid.latitude, "longitude": fine_grid.longitude}
        )
        fields = xr.Dataset({"t2m": (steps, x)})
        if heights:
            product = product.assign_coords(surface_altitude=(steps[1:], ground))
            fields = fields.assign_coords(surface_altitude=(steps[1:], bare))
        return {c.name for c in check(product, fine_grid, fields, COARSE, IFS, GateLimits()) if not c.passed}

    assert failed(values, heights=True) == set()
    assert failed(values, heights=False) == {"reading error"}
    assert failed(np.roll(values, 5, axis=2), heights=True) == {"reading error"}
    assert "reading error" in failed(colder(0.065, x), heights=True), "ten times colder"
    calm = 285 + (x - 285) / 6  # half a kelvin: the air over a small region varies less than what its mountains make
    assert failed(colder(0.0065, calm), heights=True, x=calm) == set()
    noisy = colder(0.0065, calm) + rng.normal(0, 0.5, (1, 56, 66)).astype(np.float32)
    assert failed(noisy, heights=True, x=calm) == {"reading error"}
