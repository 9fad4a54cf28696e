"""Variables that the network is not trained on, from the mirror to the product and what people read of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from ecmwf.opendata.urls import URLS

from flows.downscale import downscale
from models.followers import FOLLOWERS, Interpolated
from models.statistics import VARIABLES as TRAINED
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry
from tasks.variables import VARIABLES
from tests.conftest import write_region
from tests.flows.conftest import CommandLine
from tests.grib import messages
from tests.servers.cds import KEY, cds_server
from tests.servers.opendata import open_data

HOURS = [0, 3, 6]
ALL = [*TRAINED, *FOLLOWERS]
SUMS = [n for n in ALL if VARIABLES[n].amount]


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
    led = not isinstance(leader, Interpolated)
    allowed = (0.25 if led else 0.01) * float(same.std()) + float(2.0**-8) * float(abs(same).max())
    least = 0.02 if led and not VARIABLES[name].amount else 0.0
    np.testing.assert_allclose(fine.values, same.values, rtol=0, atol=max(allowed, least) * 3)


def test_sums_are_of_the_interval_before_each_lead_time(store: Path, entry: LedgerEntry) -> None:
    ds = xr.open_zarr(store / entry.product)
    assert ds.step_bounds.values.astype("timedelta64[h]").astype(int).tolist() == [[0, 3], [3, 6]]
    watts = ds.strd.values / (3 * 3600)
    assert 299 < watts.min() < watts.max() < 2000
    np.testing.assert_allclose(watts[0], watts[1], rtol=5e-3)  # as much in the second three hours as in the first


@pytest.mark.parametrize(
    "change",
    [lambda ds: (ds.u100, 1.4 * ds.u10), lambda ds: (ds.skt, ds.t2m + 1.0), lambda ds: (ds.mn2t, ds.t2m - 3.0)],
    ids=["wind", "skin", "lowest temperature"],
)
def test_a_follower_has_its_leader_s_fine_structure(
    store: Path, entry: LedgerEntry, change: Callable[[xr.Dataset], tuple[xr.DataArray, xr.DataArray]]
) -> None:
    """These inputs are their leaders' but for a factor or an offset."""
    follower, leader = (f.values for f in change(xr.open_zarr(store / entry.product)))
    assert np.corrcoef(follower.ravel(), leader.ravel())[0, 1] > 0.995


def test_snow_falls_where_the_finer_temperature_is_cold_and_never_more_than_precipitation(
    store: Path, entry: LedgerEntry
) -> None:
    ds = xr.open_zarr(store / entry.product).isel(step=0).load()
    assert float(ds.sf.max()) > 1e-4
    assert (ds.sf.values <= ds.tp.values * (1 + 2.0**-7) + 1e-7).all()
    cold, warm = (ds.sf.where(where & (ds.tp > 1e-4)) / ds.tp for where in (ds.t2m < 274.0, ds.t2m > 277.5))
    assert float(cold.mean()) > 0.5
    assert float(warm.mean()) < 0.02
    assert float(ds.sd.min()) == 0 < float(ds.sd.max())


def test_people_read_them(store: Path, finescale: CommandLine, tmp_path: Path) -> None:
    where = ("hubei", "--source", "ifs", "--store", store, "--lat", "31", "--lon", "111.5")
    found = json.loads(finescale("point", *where, "--json").stdout)
    shown = {"wind_speed_100", "wind_direction_100", *FOLLOWERS} - {"u100", "v100"}
    assert shown <= found["units"].keys()
    assert (found["units"]["tcc"], found["units"]["ssrd"]) == ("%", "MJ/m²")
    table = finescale("point", *where)
    assert table.exit_code == 0, table.stderr
    out = tmp_path / "out.nc"
    assert finescale("export", *where[:5], "--format", "netcdf", "--output", out).exit_code == 0
    assert set(ALL) <= set(xr.open_dataset(out).data_vars)


def test_wind_at_hub_height_is_on_the_power_law_through_both_levels(store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", store, "--lat", "31", "--lon", "111.5")  # of no source: ifs has one
    found = json.loads(finescale("point", *where, "--hub-height", "80", "--hub-height", "120", "--json").stdout)
    assert found["units"]["wind_speed_120"] == "m/s"
    assert "80 m wind m/s" in finescale("point", *where, "--hub-height", "80").stdout
    assert found["cycle"].startswith("ifs/")
    for step in found["series"]:
        low, high, hub = (step[f"wind_speed{n}"] for n in ("", "_100", "_80"))
        exponent = np.log10(high / low) if low > 1 else 1 / 7
        assert hub == pytest.approx(high * 0.8**exponent, rel=2e-3, abs=2e-3)
    refused = finescale("point", *where, "--hub-height", "8")
    assert "--hub-height 8: give 10 to 300 m above the ground" in refused.stderr


def test_hours_between_lead_times_are_marked_as_interpolated(
    store: Path, finescale: CommandLine, tmp_path: Path
) -> None:
    where = ("hubei", "--store", store, "--lat", "31", "--lon", "111.5")
    given, found = (json.loads(finescale("point", *where, *more, "--json").stdout) for more in ((), ("--hourly",)))
    assert [s["lead_hours"] for s in found["series"]] == [3, 4, 5, 6]
    assert (found["interpolated"], given["interpolated"]) == ([4, 5], [])
    states = {n: v for n, v in given["series"][1].items() if n not in SUMS}
    assert states.items() <= found["series"][3].items()
    for name in SUMS:
        after = sum(step[name] for step in found["series"][1:])
        assert after == pytest.approx(given["series"][1][name], abs=5e-3)
    table = finescale("point", *where, "--hourly").stdout
    assert "hours between lead times are interpolated, all sums too; the forecast has 3, 6 h" in table
    places = tmp_path / "places.csv"
    places.write_text("name,lat,lon\nhere,31,111.5\n")
    many = (
        finescale("point", "hubei", "--store", store, "--places", places, *more).stdout for more in ((), ("--hourly",))
    )
    plain, hours = (list(csv.DictReader(io.StringIO(text))) for text in many)
    assert "interpolated" not in plain[0]
    assert [row["interpolated"] for row in hours] == ["0", "1", "1", "0"]


def test_a_product_without_wind_at_100_m_has_none_at_a_hub(demo_store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", demo_store, "--lat", "31", "--lon", "111.5")  # of no source: the demo is all there is
    assert json.loads(finescale("point", *where, "--json").stdout)["cycle"].startswith("demo/")
    refused = finescale("point", *where, "--hub-height", "80")
    assert refused.exit_code == 2
    assert "has no wind at 10 and at 100 m" in refused.stderr


# name of ERA5's parameter -> whose real message of it is taken, paramId, what its values become
OF_ERA5 = {
    "u100": (167, 228246, lambda v: v - 290.0), "v100": (168, 228247, lambda v: v - 280.0),
    "fg10": (167, 49, lambda v: np.abs(v - 280.0)), "skt": (167, 235, lambda v: v + 1.0),
    "tcwv": (134, 137, lambda v: 30.0 * (v / 1e5) ** 4), "tcc": (168, 164, lambda v: np.clip((v - 275.0) / 25.0, 0, 1)),
    "mx2t": (167, 201, lambda v: v + 1.5), "mn2t": (167, 202, lambda v: v - 1.0),
    "sd": (134, 141, lambda v: np.clip((1e5 - v) / 1e6, 0.0, 1.0)), "sf": (228, 144, lambda v: 0.4 * v),
    "ssrd": (228, 169, lambda v: 1e6 * (1.0 + 100.0 * v)), "strd": (228, 175, lambda v: 1.2e6 * (1.0 + 50.0 * v)),
}  # fmt: skip


def as_era5(source: Path, target: Path) -> dict[str, np.ndarray]:
    """A real day of ERA5 and followers made of it, at 12 UTC also as numbers (rows, cols)."""
    noon = {}
    with target.open("wb") as out:
        for message in messages(source):
            handle = eccodes.codes_new_from_message(message)
            if eccodes.codes_get(handle, "validityDate") == 20260530:
                out.write(message)
                for name, (of, param_id, change) in OF_ERA5.items():
                    if eccodes.codes_get(handle, "paramId") == of:
                        made = eccodes.codes_clone(handle)
                        eccodes.codes_set(made, "paramId", param_id)
                        eccodes.codes_set_values(made, change(eccodes.codes_get_values(handle)))
                        out.write(eccodes.codes_get_message(made))
                        if eccodes.codes_get(made, "validityTime") == 1200:
                            shape = eccodes.codes_get(made, "Nj"), eccodes.codes_get(made, "Ni")
                            noon[name] = eccodes.codes_get_values(made).reshape(shape)
                        eccodes.codes_release(made)
            eccodes.codes_release(handle)
    return noon


def test_a_day_of_era5_has_them_too(
    tmp_path: Path, workspace: Path, shared_data: Path, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cds"
    folder.mkdir()
    noon = as_era5(shared_data / "fixtures/era5_east_china_2t_2d_sp_tp_hourly_20260530.grib", folder / "day.grib")
    region = write_region(
        tmp_path / "east-china", name="east-china", title="East China", spacing=0.1, terrain=None, boundary=None,
        box={"north": 32, "south": 30, "west": 117, "east": 119}, variables=["t2m", "sp", "tp", *OF_ERA5],
        lead_times={"start": 3}, acquire={"poll_seconds": 0.5},
    )  # fmt: skip
    with cds_server(folder) as cds:
        monkeypatch.setenv("CDSAPI_URL", cds.url)
        monkeypatch.setenv("CDSAPI_KEY", KEY)
        entry = downscale(str(region), source="era5", cycle="2026-05-30T00", store=str(tmp_path / "s")).entry
    assert entry is not None
    given = xr.open_zarr(tmp_path / "s" / entry.product, group="input").sel(step=np.timedelta64(12, "h"))
    for name, values in noon.items():  # at 31N 118E, of a file of 35..27N 114..123E
        assert float(given[name].sel(latitude=31, longitude=118)) == pytest.approx(values[16, 16], rel=1e-5, abs=1e-6)
    fine = xr.open_zarr(tmp_path / "s" / entry.product)
    assert fine.sizes["step"] == 24
    assert fine.ssrd.attrs["cell_methods"] == "area: point step: sum"
    for name in OF_ERA5:
        assert np.isfinite(fine[name].values).all()
