"""What pictures draw over fields."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from tasks.grids.gridded import LAND
from tasks.present.quicklook import coast, panels


@pytest.mark.parametrize(("east", "lines"), [(0.0, 1), (1.0, 0)], ids=["sea in the east", "no sea"])
def test_coast_runs_where_half_of_a_cell_is_land(east: float, lines: int) -> None:
    land = np.array([[1.0, 1.0, east, east]] * 3)
    axes = {"latitude": [32.0, 31.0, 30.0], "longitude": [10.0, 11.0, 12.0, 13.0]}
    there = Figure().subplots()
    coast(there, xr.Dataset(coords=axes | {LAND: (("latitude", "longitude"), land)}))
    drawn = [path.vertices for found in there.collections for path in found.get_paths()]
    assert len(drawn) == lines
    assert all(np.allclose(path[:, 0], 11.5) for path in drawn)


def test_product_that_knows_no_land_has_no_coast() -> None:
    there = Figure().subplots()
    coast(there, xr.Dataset(coords={"latitude": [1.0, 0.0], "longitude": [0.0, 1.0]}))
    assert not there.collections


def test_a_sum_says_over_how_many_hours_it_is() -> None:
    axes = {"latitude": [32.0, 31.0], "longitude": [10.0, 11.0, 12.0]}
    fields = {n: (("latitude", "longitude"), np.full((2, 3), v)) for n, v in (("tp", 0.003), ("t2m", 280.0))}
    ds = xr.Dataset(fields, coords=axes)
    assert [p.title for p in panels(ds, ds)] == ["2 metre temperature", "precipitation"], "nobody says"
    bounds = np.array([6, 9], "timedelta64[h]").astype("timedelta64[ns]")
    timed = ds.assign(step_bounds=("bounds", bounds))
    assert [p.title for p in panels(timed, timed)] == ["2 metre temperature", "precipitation in 3 h"]
