"""Variables that the network is not trained on, from the mirror to the product and what people read of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ecmwf.opendata.urls import URLS

from flows.downscale import downscale
from models.followers import FOLLOWERS
from models.statistics import VARIABLES as TRAINED
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry
from tasks.variables import VARIABLES
from tests.conftest import write_region
from tests.flows.conftest import CommandLine
from tests.servers.opendata import open_data

HOURS = [0, 3, 6]
ALL = [*TRAINED, *FOLLOWERS]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A mirror with a complete cycle of everything, eight hours old; its URL."""
    with open_data() as mirror:
        now = datetime.now(UTC) - timedelta(hours=8)
        time = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
        mirror.add_demo(time, HOURS, followers=True)
        yield mirror.url


@pytest.fixture(scope="module")
def store(served: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a region's product of everything."""
    folder = tmp_path_factory.mktemp("followers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        patch.setitem(URLS, "ecmwf", served)
        region = write_region(
            folder / "hubei", variables=ALL, acquire={"mirrors": ["ecmwf"]},
            lead_times={"start": 3, "stop": 6, "step": 3}, box={"north": 32, "south": 30, "west": 110, "east": 113},
        )  # fmt: skip
        assert downscale(str(region), source="ifs", store=str(folder / "store")).entry
    return folder / "store"


@pytest.fixture
def entry(store: Path) -> LedgerEntry:
    """The product's line in the ledger."""
    (file,) = (store / "hubei/ifs").glob("[0-9]*/*/*T*.json")
    return LedgerEntry.model_validate_json(file.read_text())


def test_a_region_that_asks_for_everything_gets_it(store: Path, entry: LedgerEntry) -> None:
    assert entry.variables == ALL
    ds = xr.open_zarr(store / entry.product)
    for name in ALL:
        field, variable = ds[name], VARIABLES[name]
        assert np.isfinite(field.values).all()
        assert (field.attrs["units"], field.attrs["standard_name"]) == (variable.units, variable.standard_name)
        of_time = "sum" if variable.amount else variable.extreme or "point"
        assert f"step: {of_time}" in field.attrs["cell_methods"]
    assert 0 <= float(ds.tcc.min()) < float(ds.tcc.max()) <= 1
    assert not list(verify_product(str(store), entry))


@pytest.mark.parametrize("name", FOLLOWERS)
def test_at_the_input_s_points_a_follower_is_its_input_but_for_what_terrain_does(
    store: Path, entry: LedgerEntry, name: str
) -> None:
    ds, given = (xr.open_zarr(store / entry.product, group=g)[name].load() for g in (None, "input"))
    same = given.sel(latitude=slice(31.9, 30.1), longitude=slice(110.1, 112.9))
    fine = ds.sel(latitude=same.latitude, longitude=same.longitude, method="nearest")
    leader = FOLLOWERS[name]
    allowed = (0.25 if leader else 0.01) * float(same.std()) + float(2.0**-8) * float(abs(same).max())
    np.testing.assert_allclose(fine.values, same.values, rtol=0, atol=max(allowed, 0.02 if leader else 0.0) * 3)


def test_sums_are_of_the_interval_before_each_lead_time(store: Path, entry: LedgerEntry) -> None:
    ds = xr.open_zarr(store / entry.product)
    assert ds.step_bounds.values.astype("timedelta64[h]").astype(int).tolist() == [[0, 3], [3, 6]]
    watts = ds.strd.values / (3 * 3600)
    assert 299 < watts.min() < watts.max() < 2000
    np.testing.assert_allclose(watts[0], watts[1], rtol=5e-3)  # as much in the second three hours as in the first


@pytest.mark.parametrize(
    "change", [lambda ds: (ds.u100, 1.4 * ds.u10), lambda ds: (ds.skt, ds.t2m + 1.0)], ids=["wind", "skin"]
)
def test_a_follower_has_its_leader_s_fine_structure(
    store: Path, entry: LedgerEntry, change: Callable[[xr.Dataset], tuple[xr.DataArray, xr.DataArray]]
) -> None:
    """These inputs are their leaders' but for a factor or an offset."""
    follower, leader = (f.values for f in change(xr.open_zarr(store / entry.product)))
    assert np.corrcoef(follower.ravel(), leader.ravel())[0, 1] > 0.995


def test_people_read_them(store: Path, finescale: CommandLine, tmp_path: Path) -> None:
    where = ("hubei", "--source", "ifs", "--store", store, "--lat", "31", "--lon", "111.5")
    found = json.loads(finescale("point", *where, "--json").stdout)
    shown = {"wind_speed_100", "wind_direction_100", "fg10", "tcc", "ssrd", "strd", "skt", "tcwv"}
    assert shown <= found["units"].keys()
    assert (found["units"]["tcc"], found["units"]["ssrd"]) == ("%", "MJ/m²")
    table = finescale("point", *where)
    assert table.exit_code == 0, table.stderr
    out = tmp_path / "out.nc"
    assert finescale("export", *where[:5], "--format", "netcdf", "--output", out).exit_code == 0
    assert set(ALL) <= set(xr.open_dataset(out).data_vars)


def test_wind_at_hub_height_is_on_the_power_law_through_both_levels(store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", store, "--lat", "31", "--lon", "111.5")  # of no source: ifs has one
    found = json.loads(finescale("point", *where, "--hub-height", "80", "--json").stdout)
    assert found["cycle"].startswith("ifs/")
    for step in found["series"]:
        low, high, hub = (step[f"wind_speed{n}"] for n in ("", "_100", "_hub"))
        exponent = np.log10(high / low) if low > 1 else 1 / 7
        assert hub == pytest.approx(high * 0.8**exponent, rel=2e-3, abs=2e-3)
    refused = finescale("point", *where, "--hub-height", "8")
    assert "--hub-height 8: give 10 to 300 m above the ground" in refused.stderr


def test_a_product_without_wind_at_100_m_has_none_at_a_hub(demo_store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", demo_store, "--lat", "31", "--lon", "111.5")  # of no source: the demo is all there is
    assert json.loads(finescale("point", *where, "--json").stdout)["cycle"].startswith("demo/")
    refused = finescale("point", *where, "--hub-height", "80")
    assert refused.exit_code == 2
    assert "has no wind at 10 and at 100 m" in refused.stderr
