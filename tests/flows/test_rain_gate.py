"""The gate lets ordinary rain pass at every spacing: real rain, dry and showery, of ERA5, IFS and the demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.products.field import on_multiples
from tasks.downscale.fields import downscale_fields
from tasks.downscale.predict import make_plan
from tasks.grids.grid import Grid
from tasks.handover.prepared import Prepared
from tasks.packages import open_package
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned
from tasks.prepare.operators import operator_of
from tasks.region.limits import GateLimits
from tasks.validate.checks import check
from tests.conftest import DEMO_GRIB

NORTH, WEST = 34.5, 115.0
SPACINGS = (0.025, 0.05, 0.0625, 0.0833333, 0.1, 0.125, 0.2, 0.25)
FILES = {
    "demo": DEMO_GRIB,
    "era5": Path("fixtures/era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"),
    "ifs": Path("fixtures/ifs_0p25_tp_20260716T12_24h.grib2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", FILES)
def test_rain_passes(name: str, spacing: float, request: pytest.FixtureRequest) -> None:
    file = FILES[name] if name == "demo" else request.getfixturevalue("shared_data") / FILES[name]
    with scanned([file], {"tp"}) as scan:
        whole = scan.headers[0].grid
        part = Grid(NORTH, WEST, whole.dlat, whole.dlon, 29, 33)
        assembled = assemble(scan, lambda _: part, ["tp"], ["tp"])
        fields = assembled.load().isel(step=slice(0, 24, 3))
    package = open_package("inr-hres")
    network = package.load()
    operator = operator_of(assembled.origin, part.dlat, assembled.means)
    target = on_multiples(part.extended(-6, -6, -6, -6), spacing)
    plan = make_plan(part, target, operator, halo=package.halo, reach=network.reach)
    product = downscale_fields(Prepared(fields, part, operator, None), plan, network, package.variables)
    found = check(product, target, fields, part, operator, GateLimits())
    assert [c for c in found if not c.passed] == []
    assert {c.name for c in found} >= {"reading error", "finite share", "constant lead times"}
    assert float(np.nanmax(product.tp)) > 0
