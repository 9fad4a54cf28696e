"""The benchmark of hours between lead times runs, and says what the scheme is worth where that is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from benchmarks.accuracy.hourly import measure
from flows.products.sun import sunshine


def test_what_goes_as_the_scheme_says_is_hit_and_straight_lines_are_not() -> None:
    """Radiation under one cloudiness, rain that is steady, a temperature that is a straight line."""
    times = np.datetime64("2026-06-01T00", "s") + np.arange(25) * np.timedelta64(1, "h")
    latitude, longitude = np.array([31.0, 30.0, 29.0]), np.array([110.0, 112.0])
    north, east = (axis.ravel() for axis in np.meshgrid(latitude, longitude, indexing="ij"))
    shape, dims = (25, 3, 2), ("time", "latitude", "longitude")
    sun = 3e6 * sunshine(times, north, east).reshape(shape)
    steady = np.where(np.arange(25)[:, None, None] > 0, 1e-3, 0.0) * np.ones(shape)
    warmth = 280.0 + np.arange(25)[:, None, None] * np.ones(shape)
    coords = {"time": times.astype("datetime64[ns]"), "latitude": latitude, "longitude": longitude}
    found = measure(xr.Dataset({"ssrd": (dims, sun), "tp": (dims, steady), "t2m": (dims, warmth)}, coords))
    assert found["ssrd"]["ours"] < 1e-6 * found["ssrd"]["plain"]
    assert found["ssrd"]["plain"] > 1e5
    for name in ("tp", "t2m"):
        assert found[name] == {"plain": pytest.approx(0, abs=1e-9), "ours": pytest.approx(0, abs=1e-9)}
