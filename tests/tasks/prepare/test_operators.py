"""What an input's values are taken for: by origin, by what its file says, by what its user says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.operator import CELL_MEANS, ERA5, ERA5_LAND, IFS, Operator, Sampling
from tasks.errors import BadInput
from tasks.grids.grid import lattice
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned
from tasks.prepare.operators import operator_of, sampling_of
from tasks.store.product import variable_attributes
from tests.conftest import DEMO_GRIB


@pytest.mark.parametrize(
    ("origin", "spacing", "operator"),
    [("ifs", 0.25, IFS), ("era5", 0.25, ERA5), ("era5", 0.1, ERA5_LAND), ("unknown", 0.25, IFS), ("unknown", 0.1, IFS)],
)
def test_each_origin_has_its_operator(origin: str, spacing: float, operator: Operator) -> None:
    assert operator_of(origin, spacing, means=False) == operator
    assert operator_of(origin, spacing, means=True) == CELL_MEANS, "what the file says goes before its origin"
    assert operator_of(origin, spacing, means=False, by_user=Sampling.MEANS) == CELL_MEANS
    assert operator_of(origin, spacing, means=True, by_user=Sampling.SAMPLES) == operator, "the user knows best"


def test_what_a_user_says_is_one_of_two_words() -> None:
    assert (sampling_of(None), sampling_of("samples"), sampling_of("means")) == (None, "samples", "means")
    with pytest.raises(BadInput, match=r"--input-is 'mean': give samples or means"):
        sampling_of("mean")


def found(path: Path) -> tuple[str, bool]:
    """Origin of a file, and whether it says that it holds means."""
    with scanned([path], {"t2m", "u10"}) as headers:
        assembled = assemble(headers, lambda grid: grid, ["t2m", "u10"], [])
        return assembled.origin, assembled.means


def netcdf(path: Path, *methods: str | None, **attributes: str) -> Path:
    """A file of two variables with these cell_methods."""
    rng, dims = np.random.default_rng(0), ("latitude", "longitude")
    coords = {"latitude": 33 - 0.25 * np.arange(8), "longitude": 110 + 0.25 * np.arange(9)}
    ds = xr.Dataset({}, coords | {"time": np.datetime64("2026-01-01T00", "ns")}, attributes)
    variables = {"t2m": (280.0, "K"), "u10": (0.0, "m s-1")}
    for (name, (level, units)), said in zip(variables.items(), methods, strict=True):
        attrs = {"units": units} | ({"cell_methods": said} if said else {})
        ds[name] = (dims, (level + rng.normal(0, 5, (8, 9))).astype(np.float32), attrs)
    ds.to_netcdf(path)
    return path


@pytest.mark.parametrize(
    ("methods", "means"),
    [
        ((None, None), False),
        (("area: mean", "area: mean time: point"), True),
        (("area: mean", None), False),  # of a file of both kinds nothing is said
        (("area: point", "area: point"), False),
        (("time: mean", "time: mean"), False),
        (("area: time: mean", "time: point area: mean"), True),
        (("latitude: longitude: mean", "latitude: mean longitude: mean"), True),
    ],
)
def test_cell_methods_say_whether_values_are_means_over_cells(
    methods: tuple[str | None, str | None], means: bool, tmp_path: Path
) -> None:
    assert found(netcdf(tmp_path / "file.nc", *methods)) == ("unknown", means)


def test_a_product_of_ours_says_what_it_is(tmp_path: Path) -> None:
    """Of an input of samples `area: point`, of means `area: mean`: what is read again is read as what it was."""
    for sampling in Sampling:
        methods = [variable_attributes(name, sampling, bounded=True)["cell_methods"] for name in ("t2m", "u10")]
        assert found(netcdf(tmp_path / f"{sampling}.nc", *methods))[1] == (sampling is Sampling.MEANS)


def test_open_data_are_samples_of_the_ifs() -> None:
    assert found(DEMO_GRIB) == ("ifs", False)


def test_what_is_averaged_on_the_way_in_are_means(tmp_path: Path) -> None:
    """On a region's input grid that is much coarser than the file, values become means over its cells."""
    path = netcdf(tmp_path / "fine.nc", None, None)
    for spacing, means in ((0.25, False), (0.5, True)):
        with scanned([path], {"t2m", "u10"}) as headers:
            grid = lattice(32.5, 31.75, 110.5, 111.5, spacing)
            assert assemble(headers, lambda _, grid=grid: grid, ["t2m", "u10"], []).means == means
