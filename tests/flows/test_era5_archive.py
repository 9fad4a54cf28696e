"""`finescale run --source era5` from the archive: the product that the queue gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.servers.arco import arco_server
from tests.servers.cds import KEY, cds_server


def test_the_product_is_that_of_the_queue(
    tmp_path: Path, make_region: RegionMaker, shared_data: Path, prefect_server: None, finescale: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fixtures, stores = shared_data / "fixtures", {}
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)
    grib = fixtures / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"
    with cds_server(fixtures) as cds, arco_server(grib) as arco:
        (home / ".cdsapirc").write_text(f"url: {cds.url}\nkey: {KEY}\n")
        for how in ("queue", "archive"):
            region = make_region(
                name="east-china", title="East China", box={"north": 32, "south": 30, "west": 118, "east": 120},
                variables=["t2m", "d2m", "sp", "tp"], required=None, terrain=None, boundary=None,
                acquire={"poll_seconds": 0.5, "era5_from": how, "archive": arco.url},
            )  # fmt: skip
            stores[how] = tmp_path / f"store-{how}"
            days = ["run", "--cycle", "2026-05-30T00"]
            if how == "archive":
                days = ["backfill", "--start", "2026-05-30", "--end", "2026-05-31"]
            ended = finescale(days[0], str(region), "--source", "era5", *days[1:], "--store", str(stores[how]))
            assert ended.exit_code == 0, ended.stderr
        assert cds.counts["execution"] == 1
        assert set(arco.asked.values()) == {1}, "the second day needs nothing of the archive"
    assert (stores["archive"] / "east-china/era5/2026/05/2026-05-31T00.zarr").is_dir()
    products = [xr.open_zarr(s / "east-china/era5/2026/05/2026-05-30T00.zarr").load() for s in stores.values()]
    assert set(products[0].data_vars) == set(products[1].data_vars) > {"t2m", "d2m", "sp", "tp"}
    for name in ("t2m", "d2m", "sp", "tp"):
        np.testing.assert_array_equal(products[0][name].values, products[1][name].values, err_msg=name)
    assert products[0].attrs["title"] == products[1].attrs["title"]
