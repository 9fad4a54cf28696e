"""Another height: what changes with it changes together."""

from __future__ import annotations

import numpy as np
import pytest

from flows.products.at_height import at_height, dew_point_of, relative_humidity

VALUES = {
    "t2m": np.array([290.0, 260.0]), "d2m": np.array([288.0, 255.0]), "sp": np.array([1e5, 9e4]),
    "mx2t": np.array([293.0, 262.0]), "tp": np.array([1e-3, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("higher", [-400.0, 0.0, 1500.0])
def test_air_keeps_its_relative_humidity_and_dew_points_stay_below(higher: float) -> None:
    found = at_height(VALUES, higher)
    np.testing.assert_allclose(found["t2m"], VALUES["t2m"] - 0.0065 * higher)
    np.testing.assert_allclose(found["mx2t"] - found["t2m"], VALUES["mx2t"] - VALUES["t2m"])
    before, after = (relative_humidity(v["t2m"], v["d2m"]) for v in (VALUES, found))
    np.testing.assert_allclose(after, before, rtol=1e-10)
    assert (found["d2m"] < found["t2m"]).all()
    assert found["tp"] is VALUES["tp"]


def test_pressure_is_that_of_the_standard_atmosphere_in_its_air() -> None:
    """ISO 2533: 1013.25 hPa at sea level, 898.76 at 1000 m, 795.01 at 2000 m."""
    sea = {"t2m": np.array([288.15]), "sp": np.array([101325.0])}
    assert at_height(sea, 1000.0)["sp"].item() == pytest.approx(89876, abs=15)
    assert at_height(sea, 2000.0)["sp"].item() == pytest.approx(79501, abs=25)


def test_without_a_temperature_nothing_changes() -> None:
    bare = {"d2m": VALUES["d2m"], "sp": VALUES["sp"]}
    assert at_height(bare, 500.0) == bare


def test_dew_points_come_back() -> None:
    humidity = relative_humidity(VALUES["t2m"], VALUES["d2m"])
    np.testing.assert_allclose(dew_point_of(VALUES["t2m"], humidity), VALUES["d2m"], rtol=1e-12)
