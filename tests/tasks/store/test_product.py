"""A product says what its values are, and what those of its input were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.operator import CELL_MEANS, ERA5, IFS, Operator
from tasks.grids.grid import Grid
from tasks.store.product import create, open_input, operator_attributes, operator_in, seal, variable_attributes

GRID, INPUT_GRID = Grid(33.0, 110.0, 0.25, 0.25, 12, 20), Grid(33.5, 109.5, 0.5, 0.5, 9, 13)


@pytest.mark.parametrize(("operator", "word"), [(IFS, "point"), (ERA5, "point"), (CELL_MEANS, "mean")])
def test_values_and_input_are_of_the_operator(operator: Operator, word: str, tmp_path: Path) -> None:
    uri, hour = str(tmp_path / "product.zarr"), np.array([3], dtype="timedelta64[h]").astype("timedelta64[ns]")
    start = np.datetime64("2026-11-22T00", "ns")
    coords = {"step": hour, "time": start, "valid_time": ("step", start + hour)}
    source = xr.Dataset({}, coords | {"latitude": INPUT_GRID.latitude, "longitude": INPUT_GRID.longitude})
    source["step_bounds"] = (("step", "bounds"), np.stack([hour - hour, hour], axis=1))
    create(uri, source, GRID, ["t2m", "tp"], None, operator)
    seal(uri, {"title": "small"})
    for group in (None, "input"):
        with xr.open_zarr(uri, group=group) as ds:
            methods = {n: ds[n].attrs["cell_methods"] for n in ("t2m", "tp")}
        assert methods == {"t2m": f"area: {word} step: point", "tp": f"area: {word} step: sum"}, group
    below = open_input(uri)
    assert below is not None
    assert operator_in(below.fields.attrs) == operator


def test_amount_whose_time_nobody_knows_is_no_sum_of_a_step() -> None:
    attributes = variable_attributes("tp", IFS.sampling, bounded=False)
    assert (attributes["cell_methods"], "does not state" in attributes["long_name"]) == ("area: point", True)


def test_products_of_before_took_their_input_for_means() -> None:
    assert operator_in({}) == CELL_MEANS
    assert operator_attributes(CELL_MEANS) == {"finescale_input_is": "means"}
    assert operator_attributes(IFS) == {"finescale_input_is": "samples", "finescale_footprint_km": 9.0}
    for operator in (IFS, ERA5, CELL_MEANS):
        assert operator_in(operator_attributes(operator)) == operator
    assert variable_attributes("t2m", IFS.sampling, bounded=True)["units"] == "K"
